"""Write times, numbers and sizes as the person reading the page is used to."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo

from babel import Locale, dates, numbers
from babel.units import format_unit
from markupsafe import Markup

from adapter import i18n

_DIRECTIONS = dict.fromkeys(
    [0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
)

_MOMENT = re.compile(r"(?<![\w-])\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d:\d\d(?:\.\d+)?\+00:00)?(?![\w:-])")


@dataclass(frozen=True, slots=True)
class Formats:
    """One person's way of writing: their locale and time zone."""

    locale: Locale
    zone: tzinfo
    zone_name: str

    @property
    def gap(self) -> str:
        """What stands between two whole sentences."""
        return i18n.gap(self.locale.language)

    def time(self, moment: datetime | None, missing: str = "") -> Markup:
        """Write a moment as `<time>`: date and time, to the second."""
        return self._element(moment, "medium", missing)

    def short(self, moment: datetime | None, missing: str = "") -> Markup:
        """Write a moment as `<time>`: date and time, to the minute."""
        return self._element(moment, "short", missing)

    def clock(self, moment: datetime) -> str:
        """Write the time of day with milliseconds."""
        return dates.format_time(moment, "HH:mm:ss.SSS", tzinfo=self.zone, locale=self.locale)

    def date(self, moment: datetime) -> str:
        """Write the day."""
        return dates.format_date(moment.astimezone(self.zone).date(), "medium", locale=self.locale)

    def ago(self, moment: datetime, now: datetime | None = None) -> str:
        """Write how long ago a moment is (`3 minutes ago`)."""
        delta = moment - (now or datetime.now(UTC))
        return dates.format_timedelta(delta, add_direction=True, locale=self.locale)

    def span(self, seconds: float) -> str:
        """Write a length of time in its largest unit (`3 minutes`)."""
        return dates.format_timedelta(timedelta(seconds=seconds), locale=self.locale)

    def number(self, value: float) -> str:
        """Write a number with its digits grouped."""
        return numbers.format_decimal(value, locale=self.locale)

    def percent(self, share: float) -> str:
        """Write a share of one as a percentage."""
        return numbers.format_percent(share, "#,##0.#%", locale=self.locale)

    def ms(self, milliseconds: float) -> str:
        """Write a short length of time: milliseconds up to ten seconds, then seconds."""
        if milliseconds >= 10_000:  # noqa: PLR2004
            seconds = round(milliseconds / 1000, 1)
            return format_unit(seconds, "second", "short", locale=self.locale)
        rounded = round(milliseconds, 1 if milliseconds < 10 else 0)  # noqa: PLR2004
        return format_unit(rounded, "millisecond", "short", locale=self.locale)

    def size(self, count: float) -> str:
        """Write a number of bytes in its largest unit."""
        for unit in ("byte", "kilobyte", "megabyte", "gigabyte"):
            if count < 1024 or unit == "gigabyte":  # noqa: PLR2004
                break
            count /= 1024
        if unit == "byte":  # its short form is "138 byte" in English
            return format_unit(round(count), "digital-byte", "long", locale=self.locale)
        return format_unit(round(count, 1), f"digital-{unit}", "short", locale=self.locale)

    def unturned(self, value: object) -> str:
        """Write what others wrote without what turns the direction of its text (U+202E, …)."""
        return str(value).translate(_DIRECTIONS)

    def ticked(self, text: str) -> Markup:
        """Write what stands between backticks as code."""
        return _ticked(text, Markup("{}").format)

    def told(self, text: str) -> Markup:
        """Write a sentence of ours: what stands between backticks as code, its times as others.

        Modules without a language write moments and days by ISO 8601.
        """
        return _ticked(text, self._with_moments)

    def _with_moments(self, text: str) -> Markup:
        pieces: list[Markup] = []
        rest = 0
        for found in _MOMENT.finditer(text):
            pieces += [Markup("{}").format(text[rest : found.start()]), self._moment(found[0])]
            rest = found.end()
        return Markup("").join([*pieces, Markup("{}").format(text[rest:])])

    def _moment(self, written: str) -> Markup:
        try:
            if len(written) == len("2026-11-22"):
                day = dates.format_date(date.fromisoformat(written), "medium", locale=self.locale)
                return Markup("{}").format(day)
            return self.time(datetime.fromisoformat(written))
        except ValueError:
            return Markup("{}").format(written)

    def _element(self, moment: datetime | None, length: str, missing: str) -> Markup:
        if moment is None:
            return Markup("{}").format(missing)
        written = dates.format_datetime(
            moment,
            length,
            tzinfo=self.zone,
            locale=self.locale,
        )
        machine = moment.astimezone(UTC).isoformat(timespec="milliseconds")
        return Markup('<time datetime="{}" data-length="{}">{}</time>').format(
            machine, length, written
        )


def _ticked(text: str, plain: Callable[[str], Markup]) -> Markup:
    pieces = text.split("`")
    if len(pieces) % 2 == 0:  # one stands alone
        return plain(text)
    return Markup("").join(
        Markup("<code>{}</code>").format(piece) if number % 2 else plain(piece)
        for number, piece in enumerate(pieces)
    )
