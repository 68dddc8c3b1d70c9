// Columns that line up. Pure. What a target or a user wrote may stand in a cell, so control
// characters never reach the terminal as such.

struct Table {
    enum Alignment { case left, right }

    struct Column {
        let title: String
        let alignment: Alignment

        init(_ title: String, _ alignment: Alignment = .left) {
            self.title = title
            self.alignment = alignment
        }
    }

    let columns: [Column]
    private(set) var rows: [[String]] = []

    init(_ columns: [Column]) {
        self.columns = columns
    }

    /// Adds a row; missing cells are empty, an empty cell is shown as `-`.
    mutating func add(_ cells: [String]) {
        let padded = columns.indices.map { $0 < cells.count ? printable(cells[$0]) : "" }
        rows.append(padded.map { $0.isEmpty ? "-" : $0 })
    }

    /// The lines of the table: titles, then a line a row, two spaces between columns.
    var lines: [String] {
        let all = [columns.map(\.title)] + rows
        let widths = columns.indices.map { column in
            all.reduce(0) { max($0, displayWidth($1[column])) }
        }
        return all.map { line($0, widths) }
    }

    private func line(_ cells: [String], _ widths: [Int]) -> String {
        var text = ""
        for (index, cell) in cells.enumerated() {
            if index > 0 { text += "  " }
            let space = String(repeating: " ", count: widths[index] - displayWidth(cell))
            switch columns[index].alignment {
            case .left: text += index == cells.count - 1 ? cell : cell + space
            case .right: text += space + cell
            }
        }
        return text
    }
}

/// How many places a terminal gives to a text; wide scripts count as one, which is close enough.
func displayWidth(_ text: String) -> Int {
    text.count
}

/// The text with control characters shown as `?`, so that nobody's data can steer a terminal.
func printable(_ text: String) -> String {
    guard text.unicodeScalars.contains(where: isControl) else { return text }
    var safe = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
        safe.append(isControl(scalar) ? "?" : scalar)
    }
    return String(safe)
}

private func isControl(_ scalar: Unicode.Scalar) -> Bool {
    scalar.value < 0x20 || (0x7f...0x9f).contains(scalar.value)
        || (0x202a...0x202e).contains(scalar.value) || (0x2066...0x2069).contains(scalar.value)
}
