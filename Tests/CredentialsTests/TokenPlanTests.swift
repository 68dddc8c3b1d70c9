// Google's rules about which credential is asked in which way, and what its requests say.

import Testing

@testable import Credentials

@Suite struct TokenPlanTests {
    private let wish = TokenWish(defaultScopes: ["https://s/default"], host: "translate.example")

    private func wish(_ change: (inout TokenWish) -> Void) -> TokenWish {
        var wish = wish
        change(&wish)
        return wish
    }

    private func plan(_ text: String, _ wish: TokenWish) throws -> TokenPlan {
        try TokenPlan(Samples.parse(text), wish)
    }

    @Test func `without scopes a service account signs for the API itself`() throws {
        guard
            case .selfSigned(let key, let audience, let scopes) =
                try plan(Samples.serviceAccount, wish)
        else {
            Issue.record("not self-signed")
            return
        }
        #expect(audience == "https://translate.example/")
        #expect(scopes.isEmpty)
        let plain = JSONWebToken.selfSigned(key, audience: audience, scopes: [], nowSeconds: 100)
        #expect(plain.audience == audience && plain.scope.isEmpty)
        #expect(plain.subject == key.email && plain.issuer == key.email)
        #expect(try !plan(Samples.serviceAccount, wish).needsNetwork)
    }

    @Test func `with scopes it asks its token endpoint, with the assertion of Google's clients`()
        throws
    {
        let made = try plan(Samples.serviceAccount, wish { $0.scopes = ["a", "b"] })
        guard case .grant(let key, let scopes) = made else {
            Issue.record("not a grant")
            return
        }
        #expect(scopes == ["a", "b"] && made.needsNetwork)
        let asked = JSONWebToken.grant(key, scopes: scopes, nowSeconds: 100)
        #expect(
            asked
                == JSONWebToken(
                    keyId: "kid1", issuer: key.email, subject: "",
                    audience: "https://127.0.0.1:8443/token", scope: "a b",
                    issuedAtSeconds: 100))
        let request = TokenRequests.grant(key, assertion: Secret("a.b.c"))
        #expect(request.url.text == "https://127.0.0.1:8443/token")
        #expect(
            request.body.content
                == "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer"
                + "&assertion=a.b.c")
    }

    @Test(arguments: [
        "https://oauth2.googleapis.com/token", "https://www.googleapis.com/oauth2/v4/token",
        "https://accounts.google.com/o/oauth2/token",
    ])
    func `a grant for Google's endpoint has the audience of Google's clients`(url: String) throws {
        let endpoint = try #require(EndpointURL(url))
        #expect(
            JSONWebToken.grantAudience(endpoint) == "https://oauth2.googleapis.com/token")
    }

    @Test func `in another universe, which has no endpoint for grants, it signs for the scopes`()
        throws
    {
        let text = Samples.serviceAccount.replacing(
            "{\"type\"", with: "{\"universe_domain\": \"u.example\", \"type\"")
        let made = try plan(
            text,
            wish {
                $0.universeDomain = "u.example"
                $0.scopes = ["a", "b"]
            })
        guard case .selfSigned(let key, let audience, let scopes) = made else {
            Issue.record("not self-signed")
            return
        }
        let scoped = JSONWebToken.selfSigned(
            key, audience: audience, scopes: scopes, nowSeconds: 100)
        #expect(scoped.audience.isEmpty && scoped.scope == "a b")
        #expect(scoped.subject == key.email && scoped.issuer == key.email)
    }

    @Test func `a token is header, claims and signature in base64 for URLs`() throws {
        guard case .serviceAccount(let key) = try Samples.parse(Samples.serviceAccount) else {
            return
        }
        let token = JSONWebToken.selfSigned(key, audience: "https://h/", scopes: [], nowSeconds: 7)
        let input = token.signingInput(.rs256)
        let whole = JSONWebToken.complete(input, signature: [0xFB, 0xFF, 0xFE]).text
        #expect(whole.hasPrefix("eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiIsImtpZCI6ImtpZDEifQ."))
        #expect(whole.hasSuffix(".-__-"))
        #expect(whole.split(separator: ".").count == 3)
    }

    @Test func `acting as another takes a grant with the scope for it, in Google's universe`()
        throws
    {
        let made = try plan(Samples.serviceAccount, wish { $0.impersonate = "b@x.example" })
        guard case .impersonated(.grant(_, let scopes), let wanted) = made else {
            Issue.record("not a grant")
            return
        }
        #expect(scopes == ["https://www.googleapis.com/auth/iam"])
        #expect(wanted.scopes == ["https://s/default"])
        #expect(
            wanted.url.text
                == "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/"
                + "b@x.example:generateAccessToken")
        #expect(made.needsNetwork)
    }

    @Test func `an impersonating file brings its own source, delegates and address`() throws {
        guard
            case .impersonated(.refresh(_, let scopes), let wanted) =
                try plan(Samples.impersonated, wish)
        else {
            Issue.record("not impersonated")
            return
        }
        #expect(scopes.isEmpty)
        #expect(wanted.delegates == ["d@x"])
        #expect(wanted.url.text == Samples.impersonationURL)
    }

    @Test func `an external account exchanges, and acts as another where its file says so`() throws
    {
        let direct = try plan(Samples.external("{\"file\": \"/t\"}"), wish)
        guard case .exchange(_, let scopes) = direct else {
            Issue.record("not an exchange")
            return
        }
        #expect(scopes == ["https://s/default"])
        let more = ", \"service_account_impersonation_url\": \"\(Samples.impersonationURL)\""
        let acting = try plan(Samples.external("{\"file\": \"/t\"}", more), wish)
        guard case .impersonated(.exchange(_, let inner), let wanted) = acting else {
            Issue.record("not impersonated")
            return
        }
        #expect(inner == ["https://www.googleapis.com/auth/iam"])
        #expect(wanted.scopes == ["https://s/default"])
    }

    @Test func `a file of another universe is refused`() {
        #expect(throws: KeyFault.self) {
            try plan(Samples.user, wish { $0.universeDomain = "other.example" })
        }
    }

    @Test func `the metadata server is asked for the scopes`() throws {
        guard
            case .metadataServer(let url) =
                try TokenPlan(metadataServer: "127.0.0.1:99", wish { $0.scopes = ["a/b", "c"] })
        else {
            Issue.record("no metadata server")
            return
        }
        #expect(url.path.hasSuffix("/service-accounts/default/token?scopes=a%2Fb%2Cc"))
        #expect(throws: KeyFault.self) { try TokenPlan(metadataServer: "a b", wish) }
    }

    @Test func `default credentials are looked for in Google's order`() {
        func places(_ values: [String: String]) -> [DefaultCredentials.Place] {
            DefaultCredentials.places { values[$0] }
        }
        let file = "application_default_credentials.json"
        #expect(places(["GOOGLE_APPLICATION_CREDENTIALS": "/k", "HOME": "/h"]) == [.named("/k")])
        #expect(
            places(["HOME": "/h"]) == [
                .wellKnown("/h/.config/gcloud/\(file)"), .metadataServer("169.254.169.254"),
            ])
        #expect(
            places(["HOME": "/h", "CLOUDSDK_CONFIG": "/c", "GCE_METADATA_HOST": "m:8"]) == [
                .wellKnown("/c/\(file)"), .metadataServer("m:8"),
            ])
        #expect(places(["NO_GCE_CHECK": "true"]).isEmpty)
    }

    @Test func `a proxy of the environment is for https to other machines alone`() throws {
        func choice(_ url: String, _ values: [String: String]) throws -> ProxyChoice {
            ProxyChoice.of(try #require(EndpointURL(url))) { values[$0] }
        }
        let set = ["HTTPS_PROXY": "http://p:3128", "no_proxy": "a.example, .b.example"]
        let proxy = ProxyChoice.tunnel(try #require(EndpointURL("http://p:3128")))
        #expect(try choice("https://h.example/", set) == proxy)
        #expect(try choice("https://h.example/", ["https_proxy": "p:3128"]) == proxy)
        for url in [
            "https://a.example/", "https://x.b.example/", "https://127.0.0.1/", "http://localhost/",
        ] {
            #expect(try choice(url, set) == .direct, "\(url)")
        }
        #expect(try choice("https://xa.example/", set) == proxy)
        #expect(try choice("https://h/", [:]) == .direct)
        #expect(
            try choice("https://h/", ["HTTPS_PROXY": "socks5://p"]) == .unusable("HTTPS_PROXY"))
        let asked = ProxyChoice.request(for: try #require(EndpointURL("https://h.example/x")))
        #expect(String(decoding: asked, as: UTF8.self).hasPrefix("CONNECT h.example:443 HTTP/1.1"))
        #expect(HTTPResponseReader.statusOfHead(Array("HTTP/1.1 200 OK\r\n".utf8)) == nil)
        #expect(HTTPResponseReader.statusOfHead(Array("HTTP/1.1 407 No\r\n\r\n".utf8)) == 407)
        #expect(HTTPResponseReader.statusOfHead(Array("junk\r\n\r\n".utf8)) == 0)
    }

    @Test func `requests are forms and JSON as the endpoints want them`() throws {
        guard case .authorizedUser(let user) = try Samples.parse(Samples.user),
            case .external(let account) = try Samples.parse(Samples.external("{\"file\": \"/t\"}"))
        else { return }
        let refresh = String(
            decoding: TokenRequests.refresh(user, scopes: ["a b"]).bytes, as: UTF8.self)
        #expect(refresh.hasPrefix("POST /token HTTP/1.1\r\nHost: localhost:99\r\n"))
        #expect(
            refresh.hasSuffix(
                "\r\n\r\ngrant_type=refresh_token&client_id=id&client_secret=SECRET-ONE"
                    + "&refresh_token=SECRET-TWO&scope=a+b"))
        let exchange = TokenRequests.exchange(account, subject: Secret("s+t"), scopes: ["x"])
        #expect(exchange.body.content.contains("&subject_token=s%2Bt&"))
        let wanted = Impersonation(
            url: user.tokenURL, delegates: [], scopes: ["x"], lifetimeSeconds: 60)
        let acting = TokenRequests.impersonate(wanted, with: Secret("t"))
        #expect(acting.body.content == "{\"delegates\":[],\"scope\":[\"x\"],\"lifetime\":\"60s\"}")
        #expect(acting.headers == [HTTPField("Authorization", "Bearer t")])
    }
}
