// What is answered for a response that lies in the store and cannot be told as JSON: why, and how
// it can be had all the same. Never a word about what is in it.

import HTTPServer
import JobLogic

extension Service {
    /// To whoever asks for the response of a job.
    func responseNotShown() -> ConnectError {
        notShown("the method's descriptor is gone", instead: "ask with Accept: application/proto")
    }

    /// To whoever gets or awaits the responses of a job whose server streamed.
    func streamNotShown() -> ConnectError {
        notShown(
            "the method's descriptor is gone or does not fit",
            instead: "the job itself shows them as `responsesBase64`")
    }

    private func notShown(_ cause: String, instead: String) -> ConnectError {
        let why = start.isSafeMode ? "the queue is in safe mode and shows no bodies" : cause
        return ConnectError(.failedPrecondition, "\(why): \(instead)")
    }

    /// To whoever waited for a call: its job has succeeded.
    func endNotShown(of id: JobID) -> ConnectError {
        guard start.isSafeMode else {
            return ConnectError(.internal, "the stored response does not fit its descriptor")
        }
        return ConnectError(
            .unavailable,
            "the job has succeeded; \(Service.safeModeReason), and it shows no bodies:"
                + " GET /v1/jobs/\(id.text)/response with Accept: application/proto")
    }
}
