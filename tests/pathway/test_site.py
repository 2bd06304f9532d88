"""The site file: what it may say, what is unknown, shadowed or never used in it, and what it does to a call."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from cds_service.content_files import find_cards
from cds_service.errors import ContentError
from cds_service.pathway.content import Content, _load_shipped, check_site, load_content
from cds_service.pathway.decision import NO_ORDER_OF_OURS
from cds_service.pathway.mutants import mutants
from cds_service.pathway.proof import check
from cds_service.replay.in_process import run_in_process
from cds_service.replay.result import Result

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "docs" / "site-example.toml"
CALLS = ROOT / "fixtures" / "calls"
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
TODAY = date(2026, 3, 2)
SNOMED = "http://snomed.info/sct"
LOCAL = "urn:oid:2.16.840.1.113883.19.5.1"
TISSUE = "tissue-before-systemic-therapy"
Write = Callable[[str], Path]
_SHIPPED = cache(_load_shipped)


@pytest.fixture(autouse=True)
def _loaded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The shipped content is the same for every site file: it is loaded once, which keeps these tests quick."""
    monkeypatch.setattr("cds_service.pathway.content._load_shipped", _SHIPPED)


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Content whose own cards are retired, so that proving a card of a site is quick. Not to be damaged."""
    cards = Path(shutil.copytree(find_cards(), tmp_path_factory.mktemp("few") / "cards"))
    for path in (cards / "pancreatic-liver-metastases").glob("*.md"):
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace('status: "draft"', 'status: "retired"'), encoding="utf-8")
    return cards


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a site file."""

    def written(text: str) -> Path:
        path = tmp_path / "site.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return written


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """A copy of the example with its cards, to be damaged."""
    shutil.copytree(EXAMPLE.parent / "site-example-cards", tmp_path / "site-example-cards")
    return Path(shutil.copy(EXAMPLE, tmp_path / "site.toml"))


@cache
def at_example() -> Content:
    return load_content(find_cards(), EXAMPLE)


def load(path: Path) -> Content:
    return load_content(find_cards(), path)


def found(path: Path) -> list[str]:
    """The findings of a site file, without its path: ``line: problem``."""
    return [str(finding).replace(f"{path}:", "") for finding in check_site(find_cards(), path)[1]]


# ---- The example


def test_the_example_is_clean_and_its_cards_are_proved() -> None:
    report = check(find_cards(), TODAY, EXAMPLE)
    assert report.problems == ()
    assert report.notes[0].endswith(
        "Riverbend General Hospital (invented): 12 local codes, 9 settings, 3 orderables, 1 card"
    )
    assert any(note.startswith("riverbend-tumour-board: 2 rules, total over") for note in report.notes)


def test_the_example_changes_the_settings_that_it_names_and_no_other(content: Content) -> None:
    at_site = at_example().settings
    assert (at_site.tissue_scope, at_site.ca19_9_high, at_site.mri_window) == ("metastatic", 400, 28)
    assert at_site.pet_ct_card
    assert at_site.reports_categories_reliable
    assert at_site.biopsy_refusal_window == content.settings.biopsy_refusal_window


def test_the_example_has_no_member_that_the_document_does_not_describe() -> None:
    described = (EXAMPLE.parent / "site-file.md").read_text(encoding="utf-8")
    for name in ("name", "[settings]", "[systems]", "[codes", "[orderables", "[cards]", "[cards.before]", "keep_ours"):
        assert name in EXAMPLE.read_text(encoding="utf-8")
        assert name in described


def test_an_empty_file_changes_nothing_but_the_digest(write: Write, content: Content) -> None:
    at_site = load(write(""))
    assert (at_site.settings, at_site.cards, dict(at_site.templates)) == (
        content.settings,
        at_site.cards,
        dict(content.templates),
    )
    assert [card.id for card in at_site.cards] == [card.id for card in content.cards]
    assert at_site.digest != content.digest
    assert found(write("")) == []


def test_the_digest_changes_with_any_byte_of_the_site(example: Path) -> None:
    digests = {load(example).digest}
    for path, old, new in (
        (example, "mri_window = 28", "mri_window = 29"),
        (example.parent / "site-example-cards" / "riverbend-tumour-board.md", "Thursdays", "Fridays"),
        (example.parent / "site-example-cards" / "sources.yaml", "times and", "times or"),
    ):
        path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
        digests.add(load(example).digest)
    assert len(digests) == 4


# ---- Slips: each stops the start, with file and line

SLIPS = [
    ("setings = 1", r":1: unknown member 'setings'; known: name, settings", "member"),
    ("\nname = 1", r":2: name must be a text", "name-a-number"),
    ('name = "a\\nb"', r":1: name must be a text, in quotes, on one line", "name-of-two-lines"),
    ("settings = 1", r":1: settings must be a table", "settings-no-table"),
    ("[[settings]]\nmri_window = 1", r":1: settings must be a table", "settings-a-list"),
    ("[settings]\n\nmri_windows = 42", r":3: unknown setting 'mri_windows'; known: .*mri_window", "setting-unknown"),
    ("[settings]\nmri_window = -1", r":2: mri_window must be a whole number, not negative", "window-negative"),
    ('[settings]\nmri_window = "42"', r":2: mri_window must be a whole number", "window-a-text"),
    ("[settings]\nmri_window = 42.0", r":2: mri_window must be a whole number", "window-a-fraction"),
    ("[settings]\nmri_window = true", r":2: mri_window must be a whole number", "window-a-switch"),
    ("[settings]\nmri_window = 2020-01-01", r":2: mri_window must be a whole number", "window-a-date"),
    ("[settings]\npet_ct_card = 1", r":2: pet_ct_card must be true or false", "switch-a-number"),
    ('[settings]\ntissue_scope = "all"', r":2: tissue_scope must be one of liver", "choice"),
    ("[settings]\ntissue_scope.a = 1", r":2: tissue_scope must be a text", "setting-a-table"),
    ("[settings]\nca19_9_high = 3", r":2: ca19_9_low \(150\) must not be above ca19_9_high \(3\)", "limits-crossed"),
    ("[settings]\nmri_window = 1\nmri_window = 2", r":3: not valid TOML", "key-twice"),
    ("\n[cards]", r":2: names no directory", "cards-empty"),
    ('[cards]\ndirectory = ""', r":2: names no directory", "cards-unnamed"),
    ('[systems]\n"http://snomed.info/sct" = "https://x.example.org/x"', r":2: .* is no short name", "system-of-ours"),
    ('[systems]\n"1.2.3" = "1.2.4"', r":2: '1.2.3' is no short name", "system-an-oid"),
    (
        '\n[codes."proc.livr_biopsy"]',
        r":2: unknown value set 'proc.livr_biopsy'; known: proc.liver_biopsy",
        "set-empty",
    ),
    ('[codes."proc.livr_biopsy"]\nsnomed = []', r":2: unknown value set 'proc.livr_biopsy'", "set-empty-list"),
    (
        '[orderables.liver-mri]\nsystem = "snomed"\ncode = "241622002"\ndisplay = "MRI, 85 % sensitive"',
        r":1: '85 %' may not stand in a card",
        "orderable-banned-figure",
    ),
    ("[settings]\n\nx = " + "[" * 9999 + "]" * 9999, r":3: is nested too deeply", "too-deep"),
    ("[systems]\na = 5", r":2: a must be a text", "system-a-number"),
    ('[systems]\na = "2.16.840.1.113883.19..5"', r":2: '2.16.840.1.113883.19..5' is not an OID", "oid-two-dots"),
    ('[systems]\na = "2.16.840.01.113883"', r":2: .*is not an OID", "oid-zero-first"),
    ('[systems]\na = "urn:oid:2.16.84O.1"', r":2: .*is not an OID", "oid-letter-o"),
    ('[systems]\na = "URN:OID:2.16.840.1 "\nb = "URN:OID:2.16.840.1"', r":2: .*is not an OID", "oid-capitals"),
    ('[systems]\na = "2.16.840.1."', r":2: .*is not an OID", "oid-dot-last"),
    ('[systems]\na = "3.16.840.1"', r":2: .*is not an OID", "oid-first-arc"),
    ('[systems]\na = "1.40.1"', r":2: .*is not an OID", "oid-second-arc"),
    ('[systems]\na = "urn.oid.2.16.840"', r":2: .*is no code system", "oid-prefix-misspelt"),
    ('[systems]\na = "http://x.example.org/a b"', r":2: .*is no code system", "uri-with-blank"),
    ('[systems]\na = "http://snomed.info/sct|2025"', r":2: .*is no code system", "uri-with-version"),
    ('[codes."proc.liver_biopsy"]\nlab = ["A"]', r":2: 'lab' is no code system: .*snomed", "system-not-named"),
    ('[codes."proc.liver_biopsy"]\nsnomed = "A"', r":2: codes stand in a list", "codes-no-list"),
    ('[codes]\n"proc.liver_biopsy" = ["A"]', r":2: proc.liver_biopsy must be a table", "codes-without-system"),
    ('codes = ["A"]', r":1: codes must be a table", "codes-a-list"),
    (
        '[codes."proc.liver_biopsy"]\nsnomed = [\n"1",\n\n86259008]',
        r":5: a code stands in quotes.*86259008",
        "code-int",
    ),
    ('[codes."proc.liver_biopsy"]\nsnomed = [["1"]]', r":2: a code stands in quotes", "code-a-list"),
    ('[codes."proc.liver_biopsy"]\nsnomed = [""]', r":2: '' is no code", "code-empty"),
    ('[codes."proc.liver_biopsy"]\nsnomed = [" 1"]', r":2: ' 1' is no code", "code-with-blank"),
    ('[codes."proc.liver_biopsy"]\nsnomed = ["1  2"]', r":2: '1  2' is no code", "code-with-two-blanks"),
    ('[codes."proc.liver_biopsy"]\nsnomed = ["1\\t2"]', r":2: .* is no code", "code-with-tab"),
    (f'[codes."proc.liver_biopsy"]\nsnomed = ["{"1" * 201}"]', r":2: .* is no code", "code-endless"),
    (
        '[codes."proc.liver_biopsi"]\nsnomed = ["1"]',
        r":2: unknown value set 'proc.liver_biopsi'; known: proc.liver_biopsy",
        "set",
    ),
    ('[codes.proc.liver_biopsy]\nsnomed = ["1"]', r":1: codes stand in a list", "set-unquoted"),
    ('[orderables]\nliver-mri = "MR1"', r":2: liver-mri must be a table", "orderable-no-table"),
    ('[orderables.liver-mri]\nsystem = "snomed"', r":1: a code stands in quotes", "orderable-without-code"),
    ('[orderables.liver-mri]\ncode = "1"', r":1: system must be a text", "orderable-without-system"),
    ('[orderables.liver-mri]\nsystem = "snomed"\ncode = 241622002', r":3: a code stands in quotes", "orderable-int"),
    ('[orderables.liver-mri]\nsystm = "snomed"', r":2: unknown member 'systm'", "orderable-member"),
    (
        '[orderables.liver-mri]\nsystem = "snomed"\ncode = "1"\nkeep_ours = "no"',
        r":4: keep_ours is true or false",
        "keep",
    ),
    (
        '[orderables.liver-mri]\nsystem = "snomed"\ncode = "999"',
        r":1: 999 is in no value set",
        "orderable-unrecognised",
    ),
    (
        '[orderables.liver-mr]\nsystem = "snomed"\ncode = "1"',
        r":1: unknown order template 'liver-mr'; known: liver-mri",
        "tpl",
    ),
    ('[orderables.remove-draft-orders]\nsystem = "snomed"\ncode = "1"', r":1: unknown order template", "removal"),
    ('[cards]\ndirectory = "nowhere"', r":2: .*nowhere is not a directory", "cards-nowhere"),
    ('[cards]\ndirectory = "site.toml"', r":2: .*site.toml is not a directory", "cards-a-file"),
    ("[cards]\ndirectory = 5", r":2: directory must be a text", "cards-a-number"),
    ('[cards.before]\na = "b"', r":1: gives ranks to cards, but names no directory", "ranks-without-cards"),
    ('[cards]\nfolder = "."', r":2: unknown member 'folder'", "cards-member"),
    ('[cards]\ndirectory = "."\n[cards.before]\nx = "y"', r":4: unknown card 'x'; known: ", "rank-of-unknown-card"),
]


@pytest.mark.parametrize(("text", "message"), [slip[:2] for slip in SLIPS], ids=[slip[2] for slip in SLIPS])
def test_a_slip_stops_the_start_and_check_shows_it(write: Write, text: str, message: str) -> None:
    path = write(text)
    with pytest.raises(ContentError, match=rf"site\.toml{message}"):
        load(path)
    report = check(find_cards(), TODAY, path)
    assert any(problem.startswith(f"{path}:") for problem in report.problems)


def test_check_shows_all_that_is_unknown_not_only_the_first(write: Write) -> None:
    path = write(
        '[settings]\na = 1\nb = 2\n[codes."x.y"]\nsnomed = ["1", "2"]\n[codes."x.z"]\nsnomed = ["1"]\n'
        '[orderables.c]\nsystem = "snomed"\ncode = "1"\n'
    )
    words = [line.partition("; known")[0] for line in found(path)]
    assert words == [
        "2: unknown setting 'a'",
        "3: unknown setting 'b'",
        "5: unknown value set 'x.y'",
        "7: unknown value set 'x.z'",
        "8: unknown order template 'c'",
    ]


def test_a_missing_file_a_directory_and_another_encoding_are_named(tmp_path: Path) -> None:
    latin = tmp_path / "latin.toml"
    latin.write_bytes("name = 'Zürich'".encode("latin-1"))
    for path, message in ((tmp_path / "none.toml", "cannot be read"), (tmp_path, "cannot be read"), (latin, "UTF-8")):
        with pytest.raises(ContentError, match=message):
            load(path)
        assert message in check(find_cards(), TODAY, path).problems[0]


# ---- Shadowed and never used: told by check, no reason not to start


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        pytest.param(
            '[codes."guidance.ct"]\nsnomed = ["86259008"]',
            "2: shadowed: 86259008 means proc.liver_biopsy as shipped, and now guidance.ct too",
            id="means-something-else",
        ),
        pytest.param(
            '[codes."cond.liver_metastasis"]\n"urn:oid:2.16.840.1.113883.6.90" = ["c259"]',
            "2: shadowed: c259 means cond.pancreas_primary as shipped, and now cond.liver_metastasis too",
            id="by-another-spelling-of-system-and-code",
        ),
        pytest.param(
            '[systems]\nsnomed = "1.2.3"\n[codes."proc.liver_biopsy"]\nsnomed = ["1"]',
            "2: shadowed: 'snomed' is a short name of ours and now means urn:oid:1.2.3",
            id="short-name-of-ours",
        ),
        pytest.param(
            '[codes."proc.liver_biopsy"]\n"https://www.snomed.info/sct/" = ["1"]',
            "2: shadowed: https://www.snomed.info/sct/ is kept apart from SNOMED CT, whose URI is "
            "http://snomed.info/sct: is it misspelt?",
            id="system-nearly-ours",
        ),
        pytest.param(
            '[orderables.liver-mri]\nsystem = "snomed"\ncode = "86259008"',
            "1: shadowed: 86259008 means proc.liver_biopsy, the template img.mri_abdomen_liver",
            id="orderable-of-another-kind",
        ),
        pytest.param(
            '[codes."proc.liver_biopsy"]\nsnomed = ["86259008"]',
            "2: never used: 86259008 is in proc.liver_biopsy already, as shipped",
            id="shipped-already",
        ),
        pytest.param(
            '[codes."cond.pancreas_primary"]\nicd-10-cm = ["C25.99"]',
            "2: never used: C25.99 is in cond.pancreas_primary already, as shipped",
            id="shipped-by-its-category",
        ),
        pytest.param(
            '[codes."proc.liver_biopsy"]\n"1.2.3" = [\n"A",\n"A"]',
            "4: never used: A stands twice under proc.liver_biopsy",
            id="twice",
        ),
        pytest.param(
            '[systems]\nx = "1.2.3"\n[codes."proc.liver_biopsy"]\nx = ["A"]\n"urn:oid:1.2.3" = ["A"]',
            "5: never used: A stands twice under proc.liver_biopsy",
            id="twice-by-two-names-of-a-system",
        ),
        pytest.param('[systems]\nx = "1.2.3"', "2: never used: no code and no orderable stands under 'x'", id="system"),
        pytest.param('[codes."guidance.ct"]', "1: never used: no code stands here for guidance.ct", id="empty-set"),
        pytest.param(
            '[codes."guidance.ct"]\nsnomed = []', "2: never used: no code stands here for guidance.ct", id="empty-list"
        ),
        pytest.param('[cards]\ndirectory = "."', "2: never used: {here} holds no card (*.md)", id="no-cards"),
    ],
)
def test_what_is_shadowed_or_never_used_is_told(write: Write, text: str, finding: str) -> None:
    path = write(text)
    assert found(path) == [finding.format(here=path.parent)]
    load(path)


def test_a_mapping_for_a_template_that_no_served_card_suggests_is_told(write: Write, cards_copy: Path) -> None:
    shutil.copy(cards_copy / "order-templates" / "liver-mri.json", cards_copy / "order-templates" / "idle.json")
    path = write('[orderables.idle]\nsystem = "snomed"\ncode = "241622002"')
    assert [str(finding) for finding in check_site(cards_copy, path)[1]] == [
        f"{path}:1: never used: no card suggests idle"
    ]


def test_a_local_code_may_stand_in_several_sets(write: Write) -> None:
    path = write('[codes."proc.liver_biopsy"]\n"1.2.3" = ["A"]\n[codes."guidance.ct"]\n"1.2.3" = ["A"]')
    assert found(path) == []
    assert load(path).terms.concepts_of_code("urn:oid:1.2.3", "A") == {"proc.liver_biopsy", "guidance.ct"}


def test_a_name_of_the_lexicon_without_verified_codes_takes_local_ones(write: Write, content: Content) -> None:
    assert "guidance.ceus" not in content.terms.names
    path = write('[codes."guidance.ceus"]\n"1.2.3" = ["A"]')
    assert found(path) == []
    assert load(path).terms.concepts_of_code("1.2.3", "A") == {"guidance.ceus"}


# ---- Cards of the site


def card_text(example: Path, old: str, new: str, name: str = "riverbend-tumour-board.md") -> None:
    path = example.parent / "site-example-cards" / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_cards_of_a_site_come_after_ours_unless_it_says_where(example: Path, content: Content) -> None:
    ours = content.pathway.order
    assert load(example).pathway.order == tuple(
        name for other in ours for name in (("riverbend-tumour-board", other) if other == TISSUE else (other,))
    )
    text = example.read_text(encoding="utf-8")
    example.write_text(text.partition("[cards.before]")[0], encoding="utf-8")
    assert load(example).pathway.order == (*ours, "riverbend-tumour-board")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        pytest.param('id: "riverbend-tumour-board"', f'id: "{TISSUE}"', f"card id '{TISSUE}' is taken", id="id"),
        pytest.param("RiverbendTumourBoard", "TissueBeforeSystemicTherapy", "topic .* is taken", id="topic"),
        pytest.param("systemic_anticancer_drug", "systemic_drug", "unknown order kind 'systemic_drug'", id="kind"),
        pytest.param("riverbend-tumour-board-times", "elsewhere", "unregistered source 'elsewhere'", id="source"),
        pytest.param('"other"]', '"busy"]', "unknown override reason 'busy'", id="reason"),
        pytest.param('prior_systemic_therapy: "yes"', 'prior_therapy: "yes"', r"md:\d+: unknown fact", id="fact"),
        pytest.param('status: "draft"', 'status: "active"', "reviewed_by", id="active-without-reviewer"),
        pytest.param("---\n#", "#", "md:1: a card file begins with YAML", id="no-front-matter"),
        pytest.param('owner: "', 'enabled_by: "pet_card"\nowner: "', "'pet_card', which is no switch", id="switch"),
        pytest.param(
            'owner: "', 'enabled_by: "mri_window"\nowner: "', "'mri_window', which is no switch", id="no-bool"
        ),
        pytest.param("---\n# An", "---\nvoid: 1\n# An", "'void' was unexpected", id="unknown-member"),
    ],
)
def test_a_card_of_a_site_passes_the_checks_of_ours(example: Path, few: Path, old: str, new: str, message: str) -> None:
    card_text(example, old, new)
    with pytest.raises(ContentError, match=message):
        load(example)
    assert "riverbend-tumour-board.md" in " ".join(check(few, TODAY, example).problems)


@pytest.mark.parametrize(
    ("name", "old", "new", "problem"),
    [
        pytest.param(
            "riverbend-tumour-board.md",
            'systemic_therapy: ["no", "unknown:*"]',
            'systemic_therapy: ["no"]',
            "no rule holds when",
            id="not-total",
        ),
        pytest.param(
            "riverbend-tumour-board.md", "meets on", "is mandatory on", "'mandatory' may not stand", id="word"
        ),
        pytest.param(
            "riverbend-tumour-board.cases.yaml", 'expect: "later-line"', 'expect: "first-line"', "expected", id="case"
        ),
    ],
)
def test_a_card_of_a_site_that_fails_the_proof_is_a_problem(
    example: Path, few: Path, name: str, old: str, new: str, problem: str
) -> None:
    card_text(example, old, new, name)
    problems = [line for line in check(few, TODAY, example).problems if "riverbend-tumour-board." in line]
    assert problems
    assert problem in problems[0]


def test_a_card_of_a_site_without_cases_is_a_problem(example: Path, few: Path) -> None:
    (example.parent / "site-example-cards" / "riverbend-tumour-board.cases.yaml").unlink()
    assert "riverbend-tumour-board.cases.yaml: cannot be read" in " ".join(check(few, TODAY, example).problems)


def test_two_cards_of_a_site_may_not_share_an_id_or_a_topic(example: Path) -> None:
    folder = example.parent / "site-example-cards"
    shutil.copy(folder / "riverbend-tumour-board.md", folder / "second.md")
    problems = [line.partition("second.md:")[2] for line in found(example)]
    assert problems == [
        "3: the card id 'riverbend-tumour-board' is taken: give it another",
        "4: the topic 'RiverbendTumourBoard' is taken: give it another",
    ]


def test_a_rank_before_an_unknown_card_is_refused(example: Path) -> None:
    text = example.read_text(encoding="utf-8")
    example.write_text(text.replace(f'board = "{TISSUE}"', 'board = "tissue-first"'), encoding="utf-8")
    with pytest.raises(ContentError, match=r"site.toml:\d+: unknown card 'tissue-first'"):
        load(example)


def test_a_source_of_ours_is_not_replaced(example: Path) -> None:
    card_text(example, "riverbend-tumour-board-times:", "nice-ng85:", "sources.yaml")
    with pytest.raises(ContentError, match=r"sources.yaml:2: the source 'nice-ng85' is taken"):
        load(example)


def test_a_card_of_a_site_needs_no_sources_of_its_own(example: Path, content: Content) -> None:
    card_text(example, "riverbend-tumour-board-times", "nice-ng85")
    (example.parent / "site-example-cards" / "sources.yaml").unlink()
    assert load(example).links == content.links


def test_a_retired_card_of_a_site_is_checked_but_not_served(example: Path, content: Content) -> None:
    card_text(example, 'status: "draft"', 'status: "retired"')
    at_site = load(example)
    assert [card.id for card in at_site.cards] == [card.id for card in content.cards]
    assert "riverbend-tumour-board" in [card.id for card in at_site.retired]


def test_the_directory_of_cards_may_lie_anywhere(example: Path, tmp_path: Path) -> None:
    moved = tmp_path / "conf" / "here" / "site.toml"
    moved.parent.mkdir(parents=True)
    text = example.read_text(encoding="utf-8")
    moved.write_text(text.replace('"site-example-cards"', '"../../site-example-cards"'), encoding="utf-8")
    assert "riverbend-tumour-board" in load(moved).pathway.order
    absolute = str(tmp_path / "site-example-cards")
    moved.write_text(text.replace('"site-example-cards"', f'"{absolute}"'), encoding="utf-8")
    assert "riverbend-tumour-board" in load(moved).pathway.order


def test_mutants_of_a_card_of_a_site_are_run(example: Path, few: Path) -> None:
    report = mutants(few, example)
    assert report.total > 0
    assert report.survivors == ()
    case = '  - {name: "later line"'
    card_text(example, case, f"# {case}", "riverbend-tumour-board.cases.yaml")
    assert any("later-line" in survivor for survivor in mutants(few, example).survivors)


# ---- What it does to a call


def stored(name: str) -> dict[str, Any]:
    body: dict[str, Any] = json.loads((CALLS / f"{name}.json").read_bytes())
    return body


def local_order(system: str, code: str) -> dict[str, Any]:
    return {
        "resourceType": "ServiceRequest",
        "id": "local-1",
        "status": "draft",
        "intent": "order",
        "subject": {"reference": "Patient/example"},
        "code": {"coding": [{"system": system, "code": code}]},
    }


def run(content: Content, body: Mapping[str, Any]) -> Result:
    return run_in_process(body, str(body["hook"]), content, NOW)


@pytest.mark.parametrize("system", [LOCAL, LOCAL.removeprefix("urn:oid:"), f"{LOCAL}|2026"])
def test_a_local_code_makes_an_order_count(content: Content, system: str) -> None:
    """The biopsy that stands beside the drugs is ordered in a code of the hospital, without any words."""
    body = stored("folfirinox-no-tissue")
    entry = {"resource": local_order(system, "0471")}
    body["context"]["draftOrders"]["entry"].append(entry)
    body["context"]["selections"].append("ServiceRequest/local-1")
    before, after = run(content, body), run(at_example(), body)
    assert (before.facts["biopsy_requested"], before.cards[0].variant) == ("no", "not-found")
    assert after.facts["biopsy_requested"].startswith("yes")
    assert "ordered" in [card.variant for card in after.cards]


def test_a_local_code_is_compared_exactly_and_in_its_own_system() -> None:
    terms = at_example().terms
    assert terms.concepts_of_code(LOCAL, "LBX-CT") == {"proc.liver_biopsy", "guidance.ct"}
    for system, code in (
        (LOCAL, "lbx-ct"),
        (LOCAL, "LBXCT"),
        (LOCAL + ".1", "LBX-CT"),
        ("", "LBX-CT"),
        (SNOMED, "0471"),
    ):
        assert terms.concepts_of_code(system, code) == frozenset()


def test_a_local_drug_code_makes_an_order_ours(content: Content) -> None:
    body = stored("metformin-no-prefetch")
    drug = body["context"]["draftOrders"]["entry"][0]["resource"]
    drug["medicationCodeableConcept"] = {"coding": [{"system": "urn:oid:2.16.840.1.113883.19.5.2", "code": "10422"}]}
    assert run(content, body).silence == {"call": NO_ORDER_OF_OURS}
    assert run(at_example(), body).error == 412


def test_the_card_of_the_site_is_shown_in_its_rank() -> None:
    shown = run(at_example(), stored("folfirinox-no-tissue")).cards
    assert [(card.topic, card.indicator) for card in shown][:2] == [
        ("TissueBeforeSystemicTherapy", "warning"),
        ("RiverbendTumourBoard", "info"),
    ]


def test_a_suggested_order_is_what_the_site_orders(content: Content) -> None:
    biopsy, mri = (at_example().templates[name] for name in ("liver-biopsy-ct-guided", "liver-mri"))
    ours = content.templates["liver-biopsy-ct-guided"]
    made = biopsy.resource({"subject": ("Patient/p",)})
    assert made["code"]["coding"] == [{"system": LOCAL, "code": "LBX-CT", "display": "CT-guided liver biopsy"}]
    assert made["code"]["text"] == ours.resource({})["code"]["text"]
    assert made["intent"] == "proposal"
    assert [coding["code"] for coding in mri.codings()] == ["MR-LIV-2", "241622002"]
    assert (biopsy.has_orderable, ours.has_orderable) == (True, False)
    others = [template for template in at_example().templates.values() if not template.has_orderable]
    assert others
    assert {template.resource({})["intent"] for template in others} == {"proposal"}
    assert {template.resource({})["intent"] for template in content.templates.values()} == {"order"}


def test_the_intent_of_the_shipped_settings_counts_without_a_site(damage: Callable[[str, str, str], Path]) -> None:
    cards = damage(
        "pancreatic-liver-metastases/settings.yaml", 'suggested_order_intent: "order"', 'suggested_order_intent: "plan"'
    )
    assert {template.resource({})["intent"] for template in load_content(cards).templates.values()} == {"plan"}


# ---- What does not pass the proof does not start

UNPROVED = [
    ('["no", "unknown:*"]', '"unknown:*"', r"board\.md:14: no rule holds when .*prior_systemic_therapy is no", "a-gap"),
    ("First systemic therapy: l", "{{ nosuch.date }} L", r"board\.md:17: a summary takes .date", "a-summary-word"),
    ("First systemic therapy: l", "{{ L", r"board\.md:17: a placeholder is written", "stray-braces"),
    ("patient for the", "patient" + "x" * 150, r"board\.md:17: the summary can reach", "long"),
    ("Clinical judgement applies.", "", r"board\.md:\d+: the body must end with", "no-closing-sentence"),
    ("{{ status }}", "", r"board\.md:\d+: the body lacks {{ status }}", "no-status"),
    ('owner: "River', 'owner: "85 % River', r"board\.md:8: '85 %' may not stand", "a-banned-figure"),
    ('owner: "', 'reviewed_by: "Mandatory"\nowner: "', r"board\.md:8: 'mandatory' may not", "a-banned-reviewer"),
    (
        '["systemic_anticancer_drug"]',
        '["systemic_drgu"]',
        r"board\.md:10: unknown order kind 'systemic_drgu'",
        "a-kind",
    ),
    ('id: "first-line"', 'id: "resectability"', r"board\.md:17: the rule 'resectability' has the name of a fact", "id"),
    ('title: "', 'title: "a\\n', r"board\.md:5: title: .* is not one line of text", "a-title-of-two-lines"),
    ('title: "', 'title: "\\u202e', r"board\.md:5: title: .* is not one line of text", "a-title-that-runs-back"),
    ('topic: "RiverbendTumourBoard"', 'topic: "Riverbend\\n"', r"board\.md:4: topic: ", "a-topic-with-a-line-end"),
]


@pytest.mark.parametrize(("old", "new", "message"), [case[:3] for case in UNPROVED], ids=[case[3] for case in UNPROVED])
def test_a_card_of_a_site_that_fails_the_proof_stops_the_start(example: Path, old: str, new: str, message: str) -> None:
    card_text(example, old, new)
    with pytest.raises(ContentError, match=message):
        load(example)


def test_a_card_of_a_site_without_cases_or_with_wrong_ones_stops_the_start(example: Path) -> None:
    cases = example.parent / "site-example-cards" / "riverbend-tumour-board.cases.yaml"
    text = cases.read_text(encoding="utf-8")
    cases.write_text(text.replace('expect: "later-line"', 'expect: "first-line"', 1), encoding="utf-8")
    with pytest.raises(ContentError, match=r"cases\.yaml:\d+: later line: expected first-line, got later-line"):
        load(example)
    cases.unlink()
    with pytest.raises(ContentError, match=r"cases\.yaml: cannot be read"):
        load(example)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('url: "https://', 'url: "https://x) <img> ', r"sources.yaml:2: the url of .* no link may hold"),
        ('url: "https://', 'url: "https://x\\n', r"sources.yaml:2: the url of .* no link may hold"),
        ('label: "', 'label: "a\\nb', r"sources.yaml:2: label and claim .* one line each"),
        ('label: "', 'label: "93 % ', r"sources.yaml:2: '93 %' may not stand in a card"),
    ],
)
def test_a_source_of_a_site_is_a_plain_link(example: Path, old: str, new: str, message: str) -> None:
    card_text(example, old, new, "sources.yaml")
    with pytest.raises(ContentError, match=message):
        load(example)
