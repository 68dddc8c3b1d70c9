// Certificates for tests alone: an authority, a server "server.example" and a client of it, valid
// for a hundred years. The keys protect nothing.

import GRPCClient

enum TestCertificates {
    static let authority = """
        -----BEGIN CERTIFICATE-----
        MIIBlTCCATugAwIBAgIUQOpsbS7z840nZHTcmxyIEosP+SUwCgYIKoZIzj0EAwIw
        HzEdMBsGA1UEAwwUcHJvbmcgdGVzdCBhdXRob3JpdHkwIBcNMjYxMTIxMDQzMDA4
        WhgPMjEyNjEwMjgwNDMwMDhaMB8xHTAbBgNVBAMMFHByb25nIHRlc3QgYXV0aG9y
        aXR5MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAECCvoFpt4KwKdHfRS9ArQnV4t
        L/xLw3PKNZsbI2HgqB+x7F13OMhLcD2uDCHk5oVQA5FXxBfiSYEAovNHmJWzgqNT
        MFEwHQYDVR0OBBYEFJN/M2k9voypOme13ldRy5zLlKq1MB8GA1UdIwQYMBaAFJN/
        M2k9voypOme13ldRy5zLlKq1MA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwID
        SAAwRQIgQVTHhSZ8vdOJ9CQX27PV2FkgE5AGXa+uES+U90obRAkCIQC+OtZ6krLm
        p7eiNnE6y6WwSiQHr7iIUgoVEH+e0KUBiA==
        -----END CERTIFICATE-----
        """

    static let server = TLSIdentity(
        certificateChain: """
            -----BEGIN CERTIFICATE-----
            MIIBpTCCAUqgAwIBAgIUdveTgdgJWp+adwEwgN4Ja4FTiwEwCgYIKoZIzj0EAwIw
            HzEdMBsGA1UEAwwUcHJvbmcgdGVzdCBhdXRob3JpdHkwIBcNMjYxMTIxMDQzMDA4
            WhgPMjEyNjEwMjgwNDMwMDhaMBkxFzAVBgNVBAMMDnNlcnZlci5leGFtcGxlMFkw
            EwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE7tp3NqM7+dzElw16fxqSkzMJ3uqPFpYI
            zhjiNFWnRwC3I53uuMP3Bl9ol8MMbvemALloXMSONLdm3XhquT86OqNoMGYwGQYD
            VR0RBBIwEIIOc2VydmVyLmV4YW1wbGUwCQYDVR0TBAIwADAdBgNVHQ4EFgQUJnkj
            nOGR7WBjTyQR3Ka7bfXrclEwHwYDVR0jBBgwFoAUk38zaT2+jKk6Z7XeV1HLnMuU
            qrUwCgYIKoZIzj0EAwIDSQAwRgIhAKTswn3GSrXmRmtFmCHiNkvOPT1kuT+tpaIh
            gC3YoKLiAiEAxs27bNOwKO7FTj2Ow3ggQ18sYPfyERkTjr7vxrFKYYk=
            -----END CERTIFICATE-----
            """,
        privateKey: """
            -----BEGIN PRIVATE KEY-----
            MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgrCo9cdMAi4YPaG1O
            axn2uJZM9B2Q5QX+metpaiHIiiahRANCAATu2nc2ozv53MSXDXp/GpKTMwne6o8W
            lgjOGOI0VadHALcjne64w/cGX2iXwwxu96YAuWhcxI40t2bdeGq5Pzo6
            -----END PRIVATE KEY-----
            """)

    static let client = TLSIdentity(
        certificateChain: """
            -----BEGIN CERTIFICATE-----
            MIIBozCCAUqgAwIBAgIUdveTgdgJWp+adwEwgN4Ja4FTiwIwCgYIKoZIzj0EAwIw
            HzEdMBsGA1UEAwwUcHJvbmcgdGVzdCBhdXRob3JpdHkwIBcNMjYxMTIxMDQzMDA4
            WhgPMjEyNjEwMjgwNDMwMDhaMBkxFzAVBgNVBAMMDmNsaWVudC5leGFtcGxlMFkw
            EwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAETJSh8kq8ZXspNc7fsKVR6DifkrPNcU2k
            Yn3+M6lgwxxfr8NU4LPbfcB3S2sW+iM/KnfCQFhxERtDhKV+YaX5cqNoMGYwGQYD
            VR0RBBIwEIIOY2xpZW50LmV4YW1wbGUwCQYDVR0TBAIwADAdBgNVHQ4EFgQU/XNp
            hNbTCkH3gxm4Ttckw3qY1PkwHwYDVR0jBBgwFoAUk38zaT2+jKk6Z7XeV1HLnMuU
            qrUwCgYIKoZIzj0EAwIDRwAwRAIgXoTowtpriKt6vnjhV9NPHxGgBAxaYFrxCoq5
            zGem/TkCIEHKzA5MF1pozPZJTNXaIzv0uU2UXqjp3H5XbaK4F4OL
            -----END CERTIFICATE-----
            """,
        privateKey: """
            -----BEGIN PRIVATE KEY-----
            MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgwgZD14QVd5avb3jf
            4o5SPpHRMduxwiwB0kUOKf8LcFihRANCAARMlKHySrxleyk1zt+wpVHoOJ+Ss81x
            TaRiff4zqWDDHF+vw1Tgs9t9wHdLaxb6Iz8qd8JAWHERG0OEpX5hpfly
            -----END PRIVATE KEY-----
            """)
}
