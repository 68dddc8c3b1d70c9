// The first bytes of a store's file, as SQLite lays them out (file format, section 1.3): by them
// the loader and the queue tell a store of prong's from what must be left alone. No database is
// needed for that, so that `--check` refuses what the queue would refuse.

package enum StoreHeader {
    package static let byteCount = 100
    /// "PRNG" as application_id, so that file(1) and we know the file.
    package static let applicationID: UInt32 = 0x5052_4E47
    /// The newest layout of the tables that this prong can read, as user_version.
    package static let version: UInt32 = 1

    private static let magic = Array("SQLite format 3\0".utf8)
    private static let versionPlace = 60
    private static let applicationPlace = 68

    /// What is wrong, to be said after the file's name; nil: the file is a store that can be read.
    ///
    /// - Parameter head: the file's first `byteCount` bytes, or all of a shorter one.
    package static func refusal(of head: [UInt8]) -> String? {
        guard head.count >= byteCount, head.starts(with: magic) else {
            return "is not a store of prong's; it was left untouched: name another"
        }
        guard number(head, applicationPlace) == applicationID else {
            return "is another program's database; it was left untouched: name another"
        }
        let found = number(head, versionPlace)
        if found > version { return newer(Int64(found)) }
        guard isIntact(head) else {
            return "is damaged: its first bytes are not as SQLite writes them; it was left "
                + "untouched: put a copy in its place"
        }
        return nil
    }

    /// The fields that SQLite itself refuses to work with when they are not so: the page size, the
    /// file format's versions, the payload fractions, the layout and encoding of its own tables.
    private static func isIntact(_ head: [UInt8]) -> Bool {
        let page = Int(head[16]) << 8 | Int(head[17])
        let isPage = page == 1 || page >= 512 && page & (page - 1) == 0
        return isPage && (1...2).contains(head[18]) && (1...2).contains(head[19])
            && head[21...23].elementsEqual([64, 32, 32])
            && number(head, 44) <= 4 && number(head, 56) <= 3
    }

    package static func newer(_ found: Int64) -> String {
        "is from a newer prong (store version \(found), this one reads up to \(version)); it was "
            + "left untouched: start the newer prong again"
    }

    private static func number(_ head: [UInt8], _ place: Int) -> UInt32 {
        head[place..<place + 4].reduce(0) { $0 << 8 | UInt32($1) }
    }
}
