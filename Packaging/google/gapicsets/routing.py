"""google.api.routing out of a client's code. The generator turns each path template into a regular
expression (AIP-4222); this turns it back, and refuses what does not come out the same way again."""

import ast
import inspect
import re
import textwrap

from google.api import routing_pb2

from .refusal import Refusal

# What the generator writes for a template's wildcards. The order matters: the first has the second
# in it.
WILDCARDS = (("(?:/.*)?", "/**"), (".*", "**"), ("[^/]+", "*"))
# What no template has: the pattern said more than a template can.
LEFT_OVER = re.compile(r"[\\()\[\]?+^$|]")
NAMED = re.compile(r"\(\?P<(\w+)>([^()]*)\)")


def template_of(pattern):
    """`^(?P<bucket>projects/[^/]+/b/[^/]+)(?:/.*)?$` is `{bucket=projects/*/b/*}/**`."""
    if not (pattern.startswith("^") and pattern.endswith("$")):
        raise Refusal(f"the routing pattern {pattern} is not one that Google's generator makes")
    template = pattern[1:-1]
    for expression, wildcard in WILDCARDS:
        template = template.replace(expression, wildcard)
    template = NAMED.sub(r"{\1=\2}", template)
    if pattern_of(template) != pattern or LEFT_OVER.search(template):
        raise Refusal(f"the routing pattern {pattern} is not one that Google's generator makes")
    return template


def pattern_of(template):
    """The regular expression of a path template, as the generator writes it."""
    result = re.sub(r"\{(\w+)=([^{}]*)\}", r"(?P<\1>\2)", template)
    # Placeholders, so that the stars of what is put in are not taken for wildcards.
    for mark, (_, wildcard) in zip("\0\1\2", WILDCARDS):
        result = result.replace(wildcard, mark)
    for mark, (expression, _) in zip("\0\1\2", WILDCARDS):
        result = result.replace(mark, expression)
    return f"^{result}$"


def explicit_rule(function):
    """The RoutingRule of a client's method; None where its code has no explicit routing."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    if not any(is_header_params(node) for node in ast.walk(tree)):
        return None
    rule = routing_pb2.RoutingRule()
    template = field = None
    for statement in tree.body[0].body:
        if isinstance(statement, ast.Assign):
            name = ast.unparse(statement.targets[0])
            if name == "routing_param_regex":
                template = template_of(statement.value.args[0].value)
            elif name == "regex_match":
                field = field_of(statement.value.args[0])
        elif isinstance(statement, ast.If) and sets_param(statement.body[0]):
            value = statement.body[0].value
            if isinstance(value, ast.Attribute):
                rule.routing_parameters.add(field=field_of(value))
            else:
                rule.routing_parameters.add(field=field, path_template=template)
    return rule


def is_header_params(node):
    if isinstance(node, ast.Assign):
        return any(ast.unparse(target) == "header_params" for target in node.targets)
    return isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "header_params"


def sets_param(statement):
    """Whether a statement is `header_params["name"] = …`."""
    return (isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Subscript)
            and ast.unparse(statement.targets[0].value) == "header_params")


def field_of(node):
    """`request.bucket.name` is the field `bucket.name`."""
    path = ast.unparse(node)
    if not path.startswith("request."):
        raise Refusal(f"a routing parameter is read from {path}, not from the request")
    return ".".join(part.rstrip("_") for part in path.split(".")[1:])
