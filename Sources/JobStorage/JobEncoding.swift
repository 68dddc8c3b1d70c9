// What of a job lies in blobs: the part of the order that nothing searches by, the attempts, the
// error. Field numbers are on disk: never renumber, only add.

import JobLogic

/// The part of a `JobOrder` that has no column of its own.
enum OrderField {
    static let gid: UInt8 = 1
    static let pid: UInt8 = 2
    static let timeout: UInt8 = 3
    static let maxAttempts: UInt8 = 4
    static let safety: UInt8 = 5
    static let cost: UInt8 = 6
    static let flags: UInt8 = 7
    static let idempotencyKey: UInt8 = 8
    static let metadata: UInt8 = 9
    static let metadataName: UInt8 = 1
    static let metadataValue: UInt8 = 2
}

extension FieldEncoder {
    mutating func order(_ order: JobOrder) {
        integer(OrderField.gid, UInt64(order.submitter.gid))
        signed(OrderField.pid, Int64(order.submitter.pid))
        optional(OrderField.timeout, order.timeoutMilliseconds)
        signed(OrderField.maxAttempts, Int64(order.maxAttempts))
        integer(OrderField.safety, UInt64(order.safety.rawValue))
        signed(OrderField.cost, Int64(order.cost))
        integer(OrderField.flags, UInt64(order.flags.rawValue))
        if let key = order.idempotencyKey { text(OrderField.idempotencyKey, key) }
        for entry in order.metadata {
            group(OrderField.metadata) { group in
                group.text(OrderField.metadataName, entry.name)
                group.blob(OrderField.metadataValue, entry.value)
            }
        }
    }
}

/// What the blob holds of an order.
struct OrderRest {
    // left out means zero
    var gid: UInt32 = 0
    var pid: Int32 = 0
    var timeoutMilliseconds: Int64?
    var maxAttempts: Int32 = 0
    var safety = Safety.unsafe
    var cost: Int32 = 0
    var flags = JobFlags(rawValue: 0)
    var idempotencyKey: String?
    var metadata: [MetadataEntry] = []

    init(fields: UnsafeRawBufferPointer) throws(FieldError) {
        var decoder = FieldDecoder(fields)
        while let field = try decoder.next() {
            switch field.number {
            case OrderField.gid: gid = try field.narrow(UInt32.self)
            case OrderField.pid: pid = try field.narrow(Int32.self)
            case OrderField.timeout: timeoutMilliseconds = field.signed
            case OrderField.maxAttempts: maxAttempts = try field.narrow(Int32.self)
            case OrderField.safety:
                // a reason that a later version added: what it does not know, it does not repeat
                safety = Safety(rawValue: UInt8(clamping: field.value)) ?? .unsafe
            case OrderField.cost: cost = try field.narrow(Int32.self)
            case OrderField.flags: flags = JobFlags(rawValue: try field.narrow(UInt32.self))
            case OrderField.idempotencyKey: idempotencyKey = field.text
            case OrderField.metadata: metadata.append(try MetadataEntry(fields: field.content))
            default: break
            }
        }
    }
}

extension MetadataEntry {
    init(fields: UnsafeRawBufferPointer) throws(FieldError) {
        self.init(name: "", value: [])
        var decoder = FieldDecoder(fields)
        while let field = try decoder.next() {
            switch field.number {
            case OrderField.metadataName: name = field.text
            case OrderField.metadataValue: value = field.blob
            default: break
            }
        }
    }
}

enum AttemptField {
    static let attempt: UInt8 = 1
    static let number: UInt8 = 1
    static let slot: UInt8 = 2
    static let generation: UInt8 = 3
    static let pid: UInt8 = 4
    static let startedAt: UInt8 = 5
    /// Milliseconds after the start: two bytes in place of six.
    static let duration: UInt8 = 6
    static let code: UInt8 = 7
    static let message: UInt8 = 8
    static let peer: UInt8 = 9
}

extension FieldEncoder {
    mutating func attempts(_ attempts: [AttemptRecord]) {
        for attempt in attempts.suffix(AttemptRecord.keptCount) {
            group(AttemptField.attempt) { $0.attempt(attempt) }
        }
    }

    private mutating func attempt(_ attempt: AttemptRecord) {
        signed(AttemptField.number, Int64(attempt.number))
        signed(AttemptField.slot, Int64(attempt.slot))
        signed(AttemptField.generation, Int64(attempt.generation))
        signed(AttemptField.pid, Int64(attempt.pid))
        signed(AttemptField.startedAt, attempt.startedAtMilliseconds)
        if attempt.endedAtMilliseconds != 0 {
            optional(
                AttemptField.duration,
                attempt.endedAtMilliseconds &- attempt.startedAtMilliseconds)
        }
        optional(AttemptField.code, attempt.code.map { Int64($0) })
        text(AttemptField.message, attempt.message)
        text(AttemptField.peer, attempt.peer)
    }
}

extension AttemptRecord {
    static func list(_ blob: UnsafeRawBufferPointer) throws(FieldError) -> [AttemptRecord] {
        var attempts: [AttemptRecord] = []
        var decoder = FieldDecoder(blob)
        while let field = try decoder.next() {
            if field.number == AttemptField.attempt {
                attempts.append(try AttemptRecord(fields: field.content))
            }
        }
        return attempts
    }

    private init(fields: UnsafeRawBufferPointer) throws(FieldError) {
        self.init(
            number: 0, slot: 0, generation: 0, pid: 0, startedAtMilliseconds: 0,
            endedAtMilliseconds: 0, code: nil, message: "", peer: "")
        var duration: Int64?
        var decoder = FieldDecoder(fields)
        while let field = try decoder.next() {
            switch field.number {
            case AttemptField.number: number = try field.narrow(Int32.self)
            case AttemptField.slot: slot = try field.narrow(Int32.self)
            case AttemptField.generation: generation = try field.narrow(Int32.self)
            case AttemptField.pid: pid = try field.narrow(Int32.self)
            case AttemptField.startedAt: startedAtMilliseconds = field.signed
            case AttemptField.duration: duration = field.signed
            case AttemptField.code: code = try field.narrow(Int32.self)
            case AttemptField.message: message = field.text
            case AttemptField.peer: peer = field.text
            default: break
            }
        }
        if let duration { endedAtMilliseconds = startedAtMilliseconds &+ duration }
    }
}

enum ErrorField {
    static let code: UInt8 = 1
    static let message: UInt8 = 2
    static let statusDetails: UInt8 = 3
    static let fromTarget: UInt8 = 4
}

extension FieldEncoder {
    mutating func error(_ error: JobError) {
        signed(ErrorField.code, Int64(error.code))
        text(ErrorField.message, error.message)
        blob(ErrorField.statusDetails, error.statusDetails)
        integer(ErrorField.fromTarget, error.fromTarget ? 1 : 0)
    }
}

extension JobError {
    convenience init(fields: UnsafeRawBufferPointer) throws(FieldError) {
        var code: Int32 = 0
        var message = ""
        var statusDetails: [UInt8] = []
        var fromTarget = false
        var decoder = FieldDecoder(fields)
        while let field = try decoder.next() {
            switch field.number {
            case ErrorField.code: code = try field.narrow(Int32.self)
            case ErrorField.message: message = field.text
            case ErrorField.statusDetails: statusDetails = field.blob
            case ErrorField.fromTarget: fromTarget = field.value != 0
            default: break
            }
        }
        self.init(
            code: code, message: message, statusDetails: statusDetails, fromTarget: fromTarget)
    }
}
