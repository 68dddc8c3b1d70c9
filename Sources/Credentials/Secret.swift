// A text that must not be seen: a private key, a refresh token, an access token. Whoever prints it,
// or a value that holds it, prints stars. It must never gain a way to be shown by accident.

package struct Secret: Equatable, Sendable, CustomStringConvertible, CustomDebugStringConvertible,
    CustomReflectable
{
    /// The text itself, for what is sent to whom it is meant for.
    package let text: String

    package init(_ text: String) {
        self.text = text
    }

    package var description: String { "***" }
    package var debugDescription: String { "***" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
