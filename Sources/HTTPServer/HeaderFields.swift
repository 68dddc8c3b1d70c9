// Header fields in the order in which they came or are to be sent; names compare without case.
//
// Values are kept as they are. Fields for a response are checked when they are written: one whose
// name or value would break the framing is dropped, never sent.

import NIOHTTP1

/// An ordered list of header fields (RFC 9110, section 5).
package struct HeaderFields: ExpressibleByDictionaryLiteral, Sequence {
    var storage: HTTPHeaders

    init(_ storage: HTTPHeaders) { self.storage = storage }

    package init() { storage = HTTPHeaders() }

    package init(_ fields: [(String, String)]) { storage = HTTPHeaders(fields) }

    package init(dictionaryLiteral fields: (String, String)...) { storage = HTTPHeaders(fields) }

    package var isEmpty: Bool { storage.isEmpty }

    /// The number of fields; a name that came twice counts twice.
    package var count: Int { storage.reduce(0) { count, _ in count + 1 } }

    /// The first field's value; most fields come once.
    package subscript(_ name: String) -> String? { storage.first(name: name) }

    /// The values of all fields of this name, in order, not split at commas.
    package func all(_ name: String) -> [String] { storage[name] }

    /// The values of a list field: all fields of this name, split at commas outside quoted strings,
    /// without white space around and without empty elements (RFC 9110, section 5.6.1).
    package func list(_ name: String) -> [String] { splitList(storage[name]) }

    package func contains(_ name: String) -> Bool { storage.contains(name: name) }

    package mutating func append(_ name: String, _ value: String) {
        storage.add(name: name, value: value)
    }

    /// Sets one field in the place of all of this name.
    package mutating func replace(_ name: String, _ value: String) {
        storage.replaceOrAdd(name: name, value: value)
    }

    package mutating func remove(_ name: String) { storage.remove(name: name) }

    package func makeIterator() -> Iterator { Iterator(base: storage.makeIterator()) }

    package struct Iterator: IteratorProtocol {
        var base: HTTPHeaders.Iterator

        package mutating func next() -> (name: String, value: String)? {
            base.next().map { (name: $0.name, value: $0.value) }
        }
    }
}
