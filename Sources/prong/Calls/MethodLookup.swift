// Asks the daemon for its methods to complete what was typed. A name that looks full is tried at
// once: only when the daemon does not know it is the list fetched.

extension Client {
    func methodNames() throws(Failure) -> [String] {
        let answer = try expectJSON(.get("/v1/methods"))
        return (answer["methods"]?.elements ?? []).compactMap { $0["method"]?.text ?? $0.text }
    }

    func resolveMethod(_ text: String) throws(Failure) -> MethodName {
        try MethodMatch.find(text, among: try methodNames()).resolved(text)
    }

    /// Makes the exchange that `request` builds for a method; resolves the name only as needed.
    func exchange(
        methodText text: String,
        _ request: (MethodName) throws(Failure) -> Request,
        within seconds: Double?,
        onPart: ((ArraySlice<UInt8>) throws(Failure) -> Void)? = nil
    ) throws(Failure) -> Response {
        guard MethodName.looksFull(text) else {
            return try exchange(
                try request(try resolveMethod(text)), within: seconds, onPart: onPart)
        }
        let asTyped = MethodName(full: text)
        let response = try exchange(try request(asTyped), within: seconds, onPart: onPart)
        guard Self.mayBeUnknownMethod(response) else { return response }
        let method = try resolveMethod(text)
        guard method != asTyped else { return response }
        return try exchange(try request(method), within: seconds, onPart: onPart)
    }

    /// The daemon's own "unknown service or method"; never a target's UNIMPLEMENTED.
    private static func mayBeUnknownMethod(_ response: Response) -> Bool {
        guard !response.isSuccess else { return false }
        let refusal = Refusal(response)
        return !refusal.isTargets && (refusal.status == 501 || refusal.status == 404)
    }
}
