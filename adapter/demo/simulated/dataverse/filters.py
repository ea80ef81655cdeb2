"""Parse `$filter` into a predicate over rows, and say what Dataverse would of a bad one.

Texts compare without case. `ne` and `not` also match empty columns. `%`, `_` and `[…]` are SQL
wildcards inside contains, startswith and endswith, as Microsoft documents.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from adapter.demo.simulated.dataverse.database import Database, Reference, Row
from adapter.demo.simulated.dataverse.literals import (
    Guid,
    Literal,
    Token,
    guid,
    literal,
    moment,
    tokens,
)
from adapter.demo.simulated.dataverse.refusals import bad_url, no_such_property, not_simulated
from adapter.demo.simulated.dataverse.schema import NUMBERED, REFERENCES, Column, Kind, Table

_T = TypeVar("_T", str, float)
Predicate = Callable[[Row], bool]
Reader = Callable[[Row], Literal]

_COMPARISONS = {"eq", "ne", "gt", "ge", "lt", "le"}
_TEXT_FUNCTIONS = {"contains", "startswith", "endswith"}
_LISTS = {"Microsoft.Dynamics.CRM.In", "Microsoft.Dynamics.CRM.NotIn"}
_DEEPEST = 100


def parse(text: str, table: Table, database: Database) -> Predicate:
    """Make the predicate of one `$filter`. Raises a 400, or a 501 for what is not simulated."""
    parser = _Parser(text, table, database)
    predicate = parser.alternatives()
    parser.finish()
    return predicate


class _Parser:
    """Read one expression by recursive descent: or, and, not, comparison."""

    def __init__(self, text: str, table: Table, database: Database) -> None:
        self._text = text
        self._table = table
        self._database = database
        self._tokens = list(tokens(text))
        self._at = 0
        self._depth = 0

    def alternatives(self) -> Predicate:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise bad_url("The node count limit of '100' has been exceeded.")
        terms = [self._terms()]
        while self._take("or"):
            terms.append(self._terms())
        self._depth -= 1
        return terms[0] if len(terms) == 1 else lambda row: any(term(row) for term in terms)

    def finish(self) -> None:
        if self._at < len(self._tokens):
            raise self._error()

    def _terms(self) -> Predicate:
        factors = [self._factor()]
        while self._take("and"):
            factors.append(self._factor())
        return factors[0] if len(factors) == 1 else lambda row: all(one(row) for one in factors)

    def _factor(self) -> Predicate:
        negative = False
        while self._take("not"):
            negative = not negative
        if self._take("("):
            inner = self.alternatives()
            self._expect(")")
        else:
            inner = self._test()
        return (lambda row: not inner(row)) if negative else inner

    def _test(self) -> Predicate:
        token = self._next()
        following = self._peek()
        if token.kind == "name" and following is not None and following.text == "(":
            return self._function(token)
        column, read = _reader(token, self._table, self._database)
        operator = self._next().text
        if operator not in _COMPARISONS:
            raise self._error(self._at - 1)
        return _comparison(operator, column, read, literal(self._next()))

    def _function(self, name: Token) -> Predicate:
        self._expect("(")
        if name.text in _TEXT_FUNCTIONS:
            _, read = _reader(self._next(), self._table, self._database)
            self._expect(",")
            wanted = literal(self._next())
            self._expect(")")
            return _text_test(name.text, read, wanted)
        if name.text in _LISTS:
            return self._membership(name.text)
        raise not_simulated(f"The query function '{name.text}'")

    def _membership(self, name: str) -> Predicate:
        self._expect("PropertyName")
        self._expect("=")
        column_name = str(literal(self._next()))
        self._expect(",")
        self._expect("PropertyValues")
        self._expect("=")
        values = self._next()
        self._expect(")")
        column = self._table.column(column_name) or self._table.columns.get(column_name)
        if column is None:
            raise no_such_property(column_name, self._table.name)
        wanted = {str(item).casefold() for item in _json_list(values.text)}
        inside = name.endswith(".In")

        def test(row: Row) -> bool:
            return (_plain(row.get(column.name)).casefold() in wanted) is inside

        return test

    def _peek(self) -> Token | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _take(self, text: str) -> bool:
        token = self._peek()
        if token is None or token.kind == "string" or token.text != text:
            return False
        self._at += 1
        return True

    def _next(self) -> Token:
        token = self._peek()
        if token is None:
            raise self._error()
        self._at += 1
        return token

    def _expect(self, text: str) -> None:
        if not self._take(text):
            raise self._error()

    def _error(self, at: int | None = None) -> Exception:
        index = self._at if at is None else at
        where = self._tokens[index].at if index < len(self._tokens) else len(self._text)
        return bad_url(f"Syntax error at position {where} in '{self._text}'.")


def _reader(token: Token, table: Table, database: Database) -> tuple[Column, Reader]:
    if token.kind != "name":
        raise bad_url(f"Syntax error: a column name is expected at position {token.at}.")
    navigation, _, rest = token.text.rpartition("/")
    if not navigation:
        column = table.column(token.text)
        if column is None:
            raise no_such_property(token.text, table.name)
        return column, lambda row: _comparable(column, row)
    step = table.navigation(navigation)
    other = database.catalog.table(step[1].table) if step else None
    column = other.column(rest) if other else None
    if step is None or other is None or column is None:
        raise no_such_property(token.text, table.name)
    lookup, found = step[0].name, column

    def read(row: Row) -> Literal:
        target = row.get(lookup)
        if not isinstance(target, Reference) or target.table != step[1].table:
            return None
        far = database.get(target.table, target.id)
        return None if far is None else _comparable(found, far)

    return column, read


def _comparable(column: Column, row: Row) -> Literal:
    value = row.get(column.name)
    if isinstance(value, Reference):
        return Guid(value.id)
    if isinstance(value, str) and column.kind is Kind.GUID:
        return Guid(value)
    if isinstance(value, str) and column.kind is Kind.DATETIME:
        return moment(value)
    return value


def _comparison(operator: str, column: Column, read: Reader, wanted: Literal) -> Predicate:
    _check_types(column, wanted)
    if isinstance(wanted, str):
        text = wanted.casefold()
        return lambda row: _decide(operator, _folded(read(row)), text)
    return lambda row: _decide(operator, read(row), wanted)


def _check_types(column: Column, wanted: Literal) -> None:
    """Raise the 400 that Dataverse gives for a literal of another type than the column's."""
    allowed: tuple[type, ...] = (str,)
    if column.kind in REFERENCES or column.kind is Kind.GUID:
        allowed = (Guid,)
    elif column.kind is Kind.DATETIME:
        allowed = (datetime,)
    elif column.kind is Kind.BOOLEAN:
        allowed = (bool,)
    elif column.kind in NUMBERED or column.kind in (Kind.INTEGER, Kind.BIGINT):
        allowed = (int, float)
    if wanted is not None and (
        not isinstance(wanted, allowed) or (bool not in allowed and isinstance(wanted, bool))
    ):
        raise bad_url(
            "A binary operator with incompatible types was detected. Found operand types "
            f"'{_edm(column)}' and '{_edm_of(wanted)}' for operator kind 'Equal'."
        )


def _edm(column: Column) -> str:
    if column.kind in REFERENCES or column.kind is Kind.GUID:
        return "Edm.Guid"
    if column.kind in NUMBERED or column.kind is Kind.INTEGER:
        return "Edm.Int32"
    names = {Kind.DATETIME: "Edm.DateTimeOffset", Kind.BOOLEAN: "Edm.Boolean"}
    return names.get(column.kind, "Edm.String")


def _edm_of(value: Literal) -> str:
    names = {bool: "Edm.Boolean", int: "Edm.Int32", float: "Edm.Double", Guid: "Edm.Guid"}
    return names.get(type(value), "Edm.String" if isinstance(value, str) else "Edm.DateTimeOffset")


def _folded(value: Literal) -> Literal:
    return value.casefold() if isinstance(value, str) else value


def _decide(operator: str, value: Literal, wanted: Literal) -> bool:
    if operator == "eq":
        return value == wanted
    if operator == "ne":
        return value != wanted
    low, high = _sortable(value), _sortable(wanted)
    if isinstance(low, str) and isinstance(high, str):
        return _order(operator, low, high)
    if isinstance(low, float) and isinstance(high, float):
        return _order(operator, low, high)
    return False


def _sortable(value: Literal) -> str | float | None:
    if isinstance(value, Guid):
        return value.text
    if isinstance(value, datetime):
        return value.timestamp()
    return value if value is None or isinstance(value, str) else float(value)


def _order(operator: str, value: _T, wanted: _T) -> bool:
    return {
        "gt": value > wanted,
        "ge": value >= wanted,
        "lt": value < wanted,
        "le": value <= wanted,
    }[operator]


def _text_test(name: str, read: Reader, wanted: Literal) -> Predicate:
    if not isinstance(wanted, str):
        raise bad_url(f"The function '{name}' takes a column and a string.")
    pattern = _like(wanted)
    before = "" if name == "startswith" else ".*"
    after = "" if name == "endswith" else ".*"
    try:
        test = re.compile(before + pattern + after, re.IGNORECASE | re.DOTALL)
    except re.error:  # a range that runs backwards: SQL Server finds nothing
        return lambda row: False

    def matches(row: Row) -> bool:
        value = read(row)
        return isinstance(value, str) and test.fullmatch(value) is not None

    return matches


def _like(text: str) -> str:
    """Turn a SQL LIKE pattern into a regular expression."""
    pattern, at = "", 0
    while at < len(text):
        closing = text.find("]", at + 2)
        if text[at] == "[" and closing > 0:
            inside = re.escape(text[at + 1 : closing]).replace(r"\-", "-").replace(r"\^", "^")
            pattern += f"[{inside}]"
            at = closing
        else:
            pattern += {"%": ".*", "_": "."}.get(text[at], re.escape(text[at]))
        at += 1
    return pattern


def _json_list(text: str) -> list[str]:
    try:
        values = json.loads(text)
    except ValueError as error:
        raise bad_url(f"Invalid JSON in the collection {text}.") from error
    if not isinstance(values, list) or not all(isinstance(item, str) for item in values):
        # Microsoft: "array functions need double-quoted values", numbers too.
        raise bad_url(f"Cannot convert the collection {text} to 'Collection(Edm.String)'.")
    return values


def _plain(value: object) -> str:
    if isinstance(value, Reference):
        return value.id
    if isinstance(value, bool):
        return "1" if value else "0"
    text = "" if value is None else str(value)
    return guid(text) or text
