// The one place that knows toml++: parses, then flattens its tree. See CTOML.h for the bounds.

#include <string_view>

// toml++ 3.3 asserts what hostile text can break ("x={,"), and tells the compiler to assume it
// where asserts are off. Here an assertion that fails is an error of the text instead. The one
// that is known to fail is passed over: the code behind it makes a good message of its own.
#undef NDEBUG
namespace ctoml {

struct ParserFault {};

constexpr bool isCheckedAgain(std::string_view expression) {
    return expression == "is_bare_key_character(*cp) || is_string_delimiter(*cp)";
}

}  // namespace ctoml
#define TOML_ASSERT(expression) \
    ((ctoml::isCheckedAgain(#expression) || (expression)) ? void() : throw ctoml::ParserFault())

#define TOML_EXCEPTIONS 0
#define TOML_HEADER_ONLY 1
#define TOML_ENABLE_FORMATTERS 0
#define TOML_ENABLE_WINDOWS_COMPAT 0
#define TOML_UNRELEASED_FEATURES 0

#include "CTOML.h"

#define TOML_MAX_NESTED_VALUES CTOML_DEPTH_MAX

// toml++ 3.3 takes for granted that a character near white space in Unicode's tables is white
// space, though "é" is not: its unreachable place is reached. Here it gives the right answer.
#include <toml++/impl/forward_declarations.h>
#undef TOML_UNREACHABLE
#define TOML_UNREACHABLE return false
#include <toml++/impl/unicode.h>
#undef TOML_UNREACHABLE
#define TOML_UNREACHABLE __builtin_unreachable()

#include <toml++/toml.h>

#include <string>
#include <vector>

#include "KeyChains.h"

struct CTOML_Document {
    toml::table root;
    std::vector<CTOML_Node> nodes;
    std::string error;
    uint32_t line = 1;
    uint32_t column = 1;

    void fail(std::string_view what, uint32_t atLine, uint32_t atColumn) {
        error = what.empty() ? "not TOML" : what;
        line = atLine > 0 ? atLine : 1;
        column = atColumn > 0 ? atColumn : 1;
    }
};

namespace {

CTOML_Text textOf(std::string_view view) { return CTOML_Text{view.data(), view.size()}; }

/// Walks the tree, whose depth is bounded by the parser's limit and that of key chains.
class Flattening {
  public:
    explicit Flattening(std::vector<CTOML_Node> &nodes) : nodes(nodes) {}

    void add(int64_t parent, const toml::node &value, std::string_view key,
             const toml::source_position &place) {
        CTOML_Node node = {};
        node.parent = parent;
        node.line = place.line;
        node.column = place.column;
        node.key = textOf(key);
        fill(node, value);
        auto index = static_cast<int64_t>(nodes.size());
        nodes.push_back(node);
        if (const toml::table *table = value.as_table()) {
            for (auto &&[key, child] : *table)
                add(index, child, key.str(), key.source().begin);
        } else if (const toml::array *array = value.as_array()) {
            for (auto &&child : *array) add(index, child, {}, child.source().begin);
        }
    }

  private:
    std::vector<CTOML_Node> &nodes;

    static void fill(CTOML_Node &node, const toml::node &value) {
        if (value.is_table()) {
            node.kind = CTOML_TABLE;
        } else if (value.is_array()) {
            node.kind = CTOML_ARRAY;
        } else if (auto *text = value.as_string()) {
            node.kind = CTOML_STRING;
            node.text = textOf(text->get());
        } else if (auto *integer = value.as_integer()) {
            node.kind = CTOML_INTEGER;
            node.integer = integer->get();
        } else if (auto *real = value.as_floating_point()) {
            node.kind = CTOML_REAL;
            node.real = real->get();
        } else if (auto *boolean = value.as_boolean()) {
            node.kind = CTOML_BOOLEAN;
            node.integer = boolean->get() ? 1 : 0;
        } else {
            node.kind = CTOML_DATE;
        }
    }
};

void parseInto(CTOML_Document &document, std::string_view text) {
    if (text.size() > CTOML_TEXT_BYTES_MAX) {
        document.fail("the file is longer than 1 MiB", 1, 1);
        return;
    }
    ctoml::Place place = {};
    if (ctoml::KeyChains(text, CTOML_DEPTH_MAX).tooLong(place)) {
        document.fail("a key with more than 16 parts", place.line, place.column);
        return;
    }
    toml::parse_result result = toml::parse(text);
    if (!result) {
        const toml::parse_error &error = result.error();
        document.fail(error.description(), error.source().begin.line, error.source().begin.column);
        return;
    }
    document.root = std::move(result).table();
    Flattening(document.nodes).add(-1, document.root, {}, toml::source_position{1, 1});
}

}  // namespace

CTOML_Document *CTOML_parse(const char *text, size_t length) {
    auto *document = new CTOML_Document;
    try {
        parseInto(*document, length > 0 ? std::string_view(text, length) : std::string_view());
    } catch (const ctoml::ParserFault &) {
        document->fail("the parser can make nothing of this text", 1, 1);
    }
    return document;
}

CTOML_Text CTOML_error(const CTOML_Document *document, uint32_t *line, uint32_t *column) {
    *line = document->line;
    *column = document->column;
    return textOf(document->error);
}

const CTOML_Node *CTOML_nodes(const CTOML_Document *document, size_t *count) {
    *count = document->nodes.size();
    return document->nodes.data();
}

void CTOML_free(CTOML_Document *document) { delete document; }
