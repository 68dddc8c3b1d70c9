// The command line. Anything that is not known ends with a sentence and exit code 64.

struct Options {
    var listen: [String] = []
    var certificate: String?
    var key: String?
    var clientCA: String?
    var ledger: String?
    var descriptors: String?

    static let usage = """
        usage: prong-example-server --listen ADDRESS [--listen ADDRESS ...] [options]
               prong-example-server --descriptors FILE
               prong-example-server bench --target ADDRESS [options]

        A gRPC server with the service prong.example.v1.Example. For each address it prints
        "listening on ADDRESS", and it ends at TERM or INT.

          --listen ADDRESS    "127.0.0.1:0" (port 0: a free one) or "unix:/path"
          --tls-cert FILE     certificate chain, PEM; with --tls-key all TCP addresses speak TLS
          --tls-key FILE      its private key, PEM
          --client-ca FILE    demand certificates of clients, from this PEM file
          --ledger FILE       append "KEY<tab>METHOD" for each call before it is answered
          --descriptors FILE  write the service's FileDescriptorSet and end

        bench: a closed loop of unary calls, one line of JSON with calls/s, p50 and p99
          --target ADDRESS  --method Echo  --bytes 100  --calls 100000  --window 64

        """

    init(_ arguments: ArraySlice<String>) throws(Failure) {
        var rest = arguments
        while let name = rest.popFirst() {
            guard let value = rest.popFirst() else {
                throw Failure("\(name) needs a value", exitCode: 64)
            }
            switch name {
            case "--listen": listen.append(value)
            case "--tls-cert": certificate = value
            case "--tls-key": key = value
            case "--client-ca": clientCA = value
            case "--ledger": ledger = value
            case "--descriptors": descriptors = value
            default: throw Failure("unknown option \(name); see --help", exitCode: 64)
            }
        }
        guard (certificate == nil) == (key == nil) else {
            throw Failure("--tls-cert and --tls-key go together", exitCode: 64)
        }
        guard clientCA == nil || certificate != nil else {
            throw Failure("--client-ca needs --tls-cert and --tls-key", exitCode: 64)
        }
        guard !listen.isEmpty || descriptors != nil else {
            throw Failure("nothing to do: give --listen or --descriptors", exitCode: 64)
        }
    }
}
