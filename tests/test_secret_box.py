"""Keep secrets encrypted, each at its place, through a rotation of the keys."""

from __future__ import annotations

import stat
import threading
from pathlib import Path

import pytest

from adapter import secret_box
from adapter.errors import InvalidSettings

OLD, NEW = "an old key of many characters", "a new key of many characters"
PLACE = "keys/ab12/secret"


@pytest.fixture
def nowhere(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "secret.key"


def test_what_was_sealed_opens_at_its_place_only(nowhere: Path) -> None:
    box = secret_box.load(OLD, nowhere)
    sealed = box.seal(b"whsec_1", place=PLACE)
    assert b"whsec_1" not in sealed
    assert box.open(sealed, place=PLACE) == b"whsec_1"
    with pytest.raises(InvalidSettings, match="changed or moved"):
        box.open(sealed, place="keys/cd34/secret")


def test_sealing_twice_gives_different_texts(nowhere: Path) -> None:
    box = secret_box.load(OLD, nowhere)
    assert box.seal(b"x", place=PLACE) != box.seal(b"x", place=PLACE)


@pytest.mark.parametrize("position", [4, 20, -1])
def test_a_changed_byte_is_noticed(nowhere: Path, position: int) -> None:
    box = secret_box.load(OLD, nowhere)
    sealed = bytearray(box.seal(b"whsec_1", place=PLACE))
    sealed[position] ^= 1
    with pytest.raises(InvalidSettings, match=PLACE):
        box.open(bytes(sealed), place=PLACE)


def test_a_rotation_opens_the_old_and_seals_with_the_new(nowhere: Path) -> None:
    before = secret_box.load(OLD, nowhere).seal(b"x", place=PLACE)
    both = secret_box.load(f" {NEW} , {OLD},", nowhere)
    assert both.open(before, place=PLACE) == b"x"
    after = both.seal(b"x", place=PLACE)
    assert secret_box.load(NEW, nowhere).open(after, place=PLACE) == b"x"
    with pytest.raises(InvalidSettings, match="SCREENPOP_SECRET_KEY"):
        secret_box.load(OLD, nowhere).open(after, place=PLACE)
    assert not nowhere.exists()  # a setting needs no file


@pytest.mark.parametrize("setting", ["short", ",", " ", f"{NEW},short"])
def test_a_key_too_short_is_refused_without_being_shown(nowhere: Path, setting: str) -> None:
    with pytest.raises(InvalidSettings, match="SCREENPOP_SECRET_KEY") as refused:
        secret_box.load(setting, nowhere)
    assert NEW not in str(refused.value)


def test_a_key_file_is_made_once_and_read_by_its_owner_only(nowhere: Path) -> None:
    sealed = secret_box.load(None, nowhere).seal(b"x", place=PLACE)
    assert secret_box.load(None, nowhere).open(sealed, place=PLACE) == b"x"
    assert stat.S_IMODE(nowhere.stat().st_mode) == 0o600
    assert [path.name for path in nowhere.parent.iterdir()] == ["secret.key"]


def test_processes_that_start_together_agree_on_one_key_file(nowhere: Path) -> None:
    boxes: list[secret_box.SecretBox] = []
    threads = [
        threading.Thread(target=lambda: boxes.append(secret_box.load(None, nowhere)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sealed = boxes[0].seal(b"x", place=PLACE)
    assert all(box.open(sealed, place=PLACE) == b"x" for box in boxes)


def test_an_empty_key_file_is_named(nowhere: Path) -> None:
    nowhere.parent.mkdir(parents=True)
    nowhere.write_text("\n")
    with pytest.raises(InvalidSettings, match=r"secret\.key"):
        secret_box.load(None, nowhere)


def test_the_key_of_a_file_can_move_into_the_setting(nowhere: Path) -> None:
    sealed = secret_box.load(None, nowhere).seal(b"x", place=PLACE)
    moved = secret_box.load(f"{NEW},{nowhere.read_text()}", nowhere)
    assert moved.open(sealed, place=PLACE) == b"x"
