// Where socket and store are by default, for root and for others.

import Settings
import Testing

@Suite struct DefaultPlacesTests {
    private func places(
        uid: UInt32, _ environment: [String: String]
    ) -> Result<DefaultPlaces, DefaultPlacesError> {
        Result { () throws(DefaultPlacesError) in
            try DefaultPlaces.of(uid: uid, environment: { environment[$0] })
        }
    }

    @Test func `root has the system's places, whatever the environment says`() {
        #expect(places(uid: 0, ["XDG_RUNTIME_DIR": "/x"]) == .success(.system))
    }

    @Test func `an ordinary user has the XDG places`() {
        let found = places(uid: 7, ["XDG_RUNTIME_DIR": "/run/user/7/", "HOME": "/users/u"])
        #expect(
            found
                == .success(
                    DefaultPlaces(
                        socketPath: "/run/user/7/prong/prong.sock",
                        storePath: "/users/u/.local/state/prong/prong.db")))
    }

    @Test func `the state directory goes before the home directory`() {
        let found = places(
            uid: 7, ["XDG_RUNTIME_DIR": "/r", "HOME": "/users/u", "XDG_STATE_HOME": "/s"])
        #expect((try? found.get())?.storePath == "/s/prong/prong.db")
    }

    @Test func `without a runtime directory there is no default place`() {
        #expect(places(uid: 7, ["HOME": "/users/u"]) == .failure(.noRuntimeDirectory))
        #expect(places(uid: 7, ["XDG_RUNTIME_DIR": "relative"]) == .failure(.noRuntimeDirectory))
        #expect(places(uid: 7, ["XDG_RUNTIME_DIR": "/r"]) == .failure(.noStateDirectory))
    }
}
