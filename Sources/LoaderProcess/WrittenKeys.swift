// Where the keys of a configuration stand in its text, so that a fault which only the machine or
// another file can show is told with file and line, as those of the text itself are.

internal import Settings

struct WrittenKeys {
    /// As the user named it.
    let file: String
    let root: ConfigurationNode
    /// What is wrong with the text itself.
    var complaints: [Complaint] = []

    /// Whether a key's value is what the user meant. A fault in the text may be a misspelt key:
    /// then a default that would stand in for it is not judged.
    func isSound(_ key: [String]) -> Bool {
        if complaints.isEmpty { return true }
        let name = key.joined(separator: ".")
        return place(of: key, nil) != nil && !complaints.contains { $0.key == name }
    }

    /// A fault of a key: `["targets", "etcd", "ca"]`. A key that the text does not have (its
    /// default is at fault) has no place.
    func complaint(
        _ key: [String], element: Int? = nil, _ what: String, _ wanted: String = ""
    ) -> Complaint {
        let place = place(of: key, element)
        return Complaint(
            file: place == nil ? "" : file, place: place, key: key.joined(separator: "."),
            what: what, wanted: wanted)
    }

    private func place(of key: [String], _ element: Int?) -> TextPlace? {
        var node = root
        for name in key {
            guard let next = node[name] else { return nil }
            node = next
        }
        if let element, case .array(let elements) = node.value, elements.indices.contains(element) {
            node = elements[element]
        }
        return node.place
    }
}
