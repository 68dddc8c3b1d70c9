// Finds key chains ("a.b.c.d") that are too long, before the parser turns each dot into a level of
// its tree. A lexer of strings and comments only; it follows the text as the parser does up to the
// first syntax error, and behind that the parser builds nothing.
#ifndef CTOML_KEY_CHAINS_H
#define CTOML_KEY_CHAINS_H

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace ctoml {

struct Place {
    uint32_t line;
    uint32_t column;
};

class KeyChains {
  public:
    KeyChains(std::string_view text, size_t longest) : text(text), longest(longest) {}

    /// Whether a chain has more parts than allowed; then `place` is where it becomes too long.
    bool tooLong(Place &place) {
        while (at < text.size()) {
            step();
            if (dots >= longest) {
                place = Place{line, static_cast<uint32_t>(at - lineStart)};
                return true;
            }
        }
        return false;
    }

  private:
    std::string_view text;
    size_t longest;
    size_t at = 0;
    size_t dots = 0;
    size_t lineStart = 0;
    uint32_t line = 1;
    bool afterDot = false;

    bool isThree(char quote) const {
        return text.substr(at, 3) == std::string_view(quote == '"' ? "\"\"\"" : "'''");
    }

    /// One character outside strings and comments, or a whole string or comment.
    void step() {
        char c = text[at];
        if (c == '"' || c == '\'') {
            beginPart();
            isThree(c) ? skipBlock(c) : skipLine(c);
            lastPartEnd = at;
        } else if (c == '#') {
            while (at < text.size() && text[at] != '\n') at++;
        } else if (c == '.') {
            dots++;
            afterDot = true;
            at++;
        } else if (c == ' ' || c == '\t') {
            at++;
        } else if (isBare(c)) {
            if (lastPartEnd != at) beginPart();
            at++;
            lastPartEnd = at;
        } else {
            dots = 0;
            afterDot = false;
            newlineAt(c);
        }
    }

    size_t lastPartEnd = SIZE_MAX;

    /// A part that does not follow a dot begins a new chain.
    void beginPart() {
        if (!afterDot) dots = 0;
        afterDot = false;
    }

    static bool isBare(char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
            || c == '_' || c == '-' || static_cast<unsigned char>(c) >= 0x80;
    }

    void newlineAt(char c) {
        at++;
        if (c == '\n') {
            line++;
            lineStart = at;
        }
    }

    /// A string on one line; without its end it stops before the line's.
    void skipLine(char quote) {
        at++;
        while (at < text.size() && text[at] != '\n') {
            if (text[at] == quote) {
                at++;
                return;
            }
            bool escaped = quote == '"' && text[at] == '\\' && at + 1 < text.size()
                && text[at + 1] != '\n';
            at += escaped ? 2 : 1;
        }
    }

    /// A string in three quotes; up to two more may stand before the closing three.
    void skipBlock(char quote) {
        at += 3;
        while (at < text.size()) {
            if (text[at] == quote && isThree(quote)) {
                at += 3;
                for (int more = 0; more < 2 && at < text.size() && text[at] == quote; more++) at++;
                return;
            }
            if (quote == '"' && text[at] == '\\' && at + 1 < text.size()) at++;
            newlineAt(text[at]);
        }
    }
};

}  // namespace ctoml

#endif
