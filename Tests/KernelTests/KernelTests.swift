// The typed system calls against the kernel that is there.

import Foundation
import Testing

@testable import Kernel

@Suite struct MemoryFileTests {
    @Test func `a sealed memory file gives back its bytes and takes no others`() throws {
        let bytes = Array("settings".utf8)
        let file = try MemoryFile.sealed(name: "test", bytes: bytes)
        #expect(MemoryFile.isSealed(file.number))
        #expect(try MemoryFile.read(file.number) == bytes)
        #expect(try MemoryFile.read(file.number, offset: 3, limit: 4) == Array("ting".utf8))
        #expect(throws: SystemError.self) { try file.writeAll([1]) }
    }

    @Test func `a plain file is not sealed`() throws {
        let folder = try ScratchFolder()
        let file = try FileDescriptor.open(folder.path("plain"), O_RDWR | O_CREAT)
        #expect(!MemoryFile.isSealed(file.number))
    }

    @Test func `reading beyond the end gives what there is`() throws {
        let file = try MemoryFile.sealed(name: "test", bytes: [1, 2, 3])
        #expect(try MemoryFile.read(file.number, offset: 10).isEmpty)
        #expect(try MemoryFile.read(file.number, offset: 1, limit: 100) == [2, 3])
    }
}

@Suite struct WholeFileTests {
    @Test func `a file is read up to its last byte, and one longer than allowed is not`() throws {
        let folder = try ScratchFolder()
        let path = folder.path("a")
        let bytes = (0..<100_000).map { UInt8(truncatingIfNeeded: $0) }
        try FileDescriptor.open(path, O_RDWR | O_CREAT).writeAll(bytes)
        #expect(try WholeFile.read(path, bytesMax: bytes.count) == bytes)
        let fault = #expect(throws: FileFault.self) { try WholeFile.read(path, bytesMax: 99_999) }
        #expect(fault?.what == "the file is longer than 99999 bytes")
    }

    @Test func `what is no file is refused at once, a FIFO without a writer too`() throws {
        let folder = try ScratchFolder()
        let fifo = folder.path("fifo")
        #expect(mkfifo(fifo, 0o600) == 0)
        for path in [fifo, folder.root, "/dev/zero"] {
            let fault = #expect(throws: FileFault.self) { try WholeFile.read(path, bytesMax: 9) }
            #expect(fault == .notAFile(path))
            #expect(fault?.description == "\(path): this is not a regular file")
        }
    }

    @Test func `a file that is not there is told from one that may not be read`() throws {
        let fault = #expect(throws: FileFault.self) {
            try WholeFile.read("/no/such/file", bytesMax: 9)
        }
        #expect(fault?.isMissing == true)
        #expect(fault?.isPermission == false)
        #expect(fault?.what == "no such file or directory")
        #expect(fault?.description == "open /no/such/file: no such file or directory")
        #expect(FileFault.failed(SystemError("open", errno: EACCES)).isPermission)
    }
}

@Suite struct SelfPipeTests {
    private func isReadable(_ descriptor: CInt) -> Bool {
        var wait = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return poll(&wait, 1, 0) == 1
    }

    @Test func `a poke wakes its reader until it is drained`() throws {
        let pipe = try SelfPipe()
        #expect(!isReadable(pipe.descriptor))
        pipe.poke()
        pipe.poke()
        #expect(isReadable(pipe.descriptor))
        pipe.drain()
        #expect(!isReadable(pipe.descriptor))
        pipe.poke()
        #expect(isReadable(pipe.descriptor))
    }

    @Test func `pokes that nobody takes neither block nor get lost`() throws {
        let pipe = try SelfPipe()
        // more than a pipe of Linux holds (pipe(7))
        for _ in 0..<100_000 { pipe.poke() }
        #expect(isReadable(pipe.descriptor))
        pipe.drain()
        #expect(!isReadable(pipe.descriptor))
    }
}

@Suite struct UnixSocketTests {
    @Test func `a listener has its mode and is seen as served`() throws {
        let folder = try ScratchFolder()
        let path = folder.path("a.sock")
        #expect(try !UnixSocket.isServed(path: path))
        do {
            let listener = try UnixSocket.listen(path: path, mode: 0o660, group: nil)
            #expect(listener.number > 2)
            #expect(try UnixSocket.isServed(path: path))
            var about = stat()
            #expect(stat(path, &about) == 0)
            #expect(about.st_mode & 0o777 == 0o660)
        }
        // The socket file stays behind its listener: nobody serves it.
        #expect(try !UnixSocket.isServed(path: path))
    }

    @Test func `a connection is made where somebody listens, else the error says why`() throws {
        let folder = try ScratchFolder()
        let path = folder.path("a.sock")
        let listener = try UnixSocket.listen(path: path, mode: 0o600, group: nil)
        #expect(try UnixSocket.connect(path: path).number != listener.number)
        let error = #expect(throws: SystemError.self) {
            _ = try UnixSocket.connect(path: folder.path("b.sock")).number
        }
        #expect(error?.errno == ENOENT)
    }

    @Test func `a path that does not fit is an error`() {
        let path = "/" + String(repeating: "x", count: 108)
        let error = #expect(throws: SystemError.self) {
            _ = try UnixSocket.listen(path: path, mode: 0o600, group: nil).number
        }
        #expect(error?.errno == ENAMETOOLONG)
    }

    @Test func `a descriptor travels with its packet`() throws {
        let pair = try UnixSocket.packetPair()
        let file = try MemoryFile.sealed(name: "test", bytes: [7, 8])
        try DescriptorPassing.send([1, 2, 3], descriptor: file.number, over: pair.theirs.number)
        let received = try DescriptorPassing.receive(limit: 16, from: pair.ours.number)
        #expect(received.bytes == [1, 2, 3])
        guard let copy = received.takeDescriptor() else {
            Issue.record("no descriptor came")
            return
        }
        #expect(copy.number != file.number)
        #expect(try MemoryFile.read(copy.number) == [7, 8])
    }
}

@Suite struct FileLockTests {
    @Test func `a lock excludes another opening of the file`() throws {
        let folder = try ScratchFolder()
        let path = folder.path("store.lock")
        let second = try FileLock.open(path)
        do {
            let first = try FileLock.open(path)
            #expect(try FileLock.tryLock(first.number))
            #expect(try !FileLock.tryLock(second.number))
            try FileLock.sign(first.number)
            #expect(ProcFiles.text(path) == "\(getpid())\n")
        }
        #expect(try FileLock.tryLock(second.number))
    }
}

@Suite struct ProcFilesTests {
    @Test func `an open descriptor is listed and named`() throws {
        let folder = try ScratchFolder()
        let file = try FileDescriptor.open(folder.path("x"), O_RDWR | O_CREAT)
        #expect(try ProcFiles.openDescriptors().contains(file.number))
        #expect(ProcFiles.descriptorTarget(file.number)?.hasSuffix("/x") == true)
    }

    @Test func `this process has threads with names and states`() throws {
        let threads = ProcFiles.threads(of: getpid())
        #expect(try threads.count == ProcFiles.threadCount() || threads.count > 1)
        #expect(threads.allSatisfy { !$0.name.isEmpty && !$0.state.isEmpty })
    }

    @Test func `a process that is not there has no threads`() {
        #expect(ProcFiles.threads(of: .max).isEmpty)
    }
}

@Suite struct DirectoriesTests {
    @Test(arguments: [
        ("/run/prong/prong.sock", "/run/prong"), ("/x", "/"), ("x", "."), ("a/b", "a"),
    ])
    func `the parent of a path is its folder`(path: String, parent: String) {
        #expect(Directories.parent(of: path) == parent)
    }

    private func mode(_ path: String) -> mode_t {
        var about = stat()
        return stat(path, &about) == 0 ? about.st_mode & 0o777 : 0
    }

    /// The last one is what no usual umask lets through.
    @Test(arguments: [mode_t(0o700), 0o755, 0o777])
    func `missing folders are made with their mode, whatever the umask`(wanted: mode_t) throws {
        let folder = try ScratchFolder()
        try Directories.make(folder.path("a/b/c"), mode: UInt32(wanted))
        #expect(mode(folder.path("a")) == wanted)
        #expect(mode(folder.path("a/b/c")) == wanted)
    }

    @Test func `a folder that is there is left as it is`() throws {
        let folder = try ScratchFolder()
        try Directories.make(folder.path("a"), mode: 0o700)
        try Directories.make(folder.path("a"), mode: 0o755)
        #expect(mode(folder.path("a")) == 0o700)
    }

    @Test func `errors say the call, the path and why`() {
        let error = #expect(throws: SystemError.self) {
            _ = try FileDescriptor.open("/no/such/file", O_RDONLY).number
        }
        #expect("\(error as Any)".contains("open /no/such/file: no such file or directory"))
    }
}

@Suite struct NamedThreadTests {
    private final class Note: @unchecked Sendable {
        let isWritten = DispatchSemaphore(value: 0)
        var name = ""
    }

    @Test(arguments: ["prong-link", "a-name-that-is-longer-than-15"])
    func `a thread has the name that ps shows`(name: String) {
        let note = Note()
        NamedThread.start(named: name) {
            note.name = ProcFiles.text("/proc/thread-self/comm") ?? ""
            note.isWritten.signal()
        }
        note.isWritten.wait()
        #expect(note.name == name.prefix(NamedThread.nameBytesMax) + "\n")
    }
}

/// A folder that goes away with the test.
struct ScratchFolder: ~Copyable {
    let root: String

    init() throws {
        var template = Array((NSTemporaryDirectory() + "/prong-kernel-XXXXXX").utf8CString)
        guard mkdtemp(&template) != nil else { throw SystemError("mkdtemp", errno: errno) }
        root = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    deinit { try? FileManager.default.removeItem(atPath: root) }

    func path(_ name: String) -> String { root + "/" + name }
}
