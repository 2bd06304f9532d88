"""The workbench in a real browser: the way of a new user, every toggle, accepting and overriding, by keyboard alone."""

from __future__ import annotations

import json
import re
from importlib import resources
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from PIL import Image
from playwright.sync_api import Page, Route, expect

from tests.workbench.browser import Visit

WARNING = "Liver metastases recorded, no confirming pathology found: obtain tissue before starting systemic therapy"
NOT_CHECKED = re.compile("could not be checked")
ROOT = Path(__file__).resolve().parents[2]
CALL = (ROOT / "fixtures" / "calls" / "folfirinox-no-tissue.json").read_text(encoding="utf-8")
AXE = (resources.files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
STATES = {
    "first": "",
    "sign": "#patient=folfirinox-no-tissue&hook=order-sign",
    "missing": "#patient=folfirinox-no-tissue&missing=reports:error,documents:absent",
    "refused": "#patient=folfirinox-no-tissue&missing=conditions:error",
    "quiet": "#patient=ct-biopsy-after-failed-ultrasound",
    "resection": "#patient=whipple-with-proven-liver-metastases&hook=order-sign",
}


def cards(page: Page) -> list[str]:
    """The summaries of the cards on the page."""
    return page.locator("article.card[data-card] h3").all_inner_texts()


def request_of(page: Page) -> Any:
    """The call that the page shows as sent."""
    return json.loads(page.locator("#request-json").text_content() or "null")


def drafts(page: Page) -> list[str]:
    """The names of the draft orders."""
    return page.locator("#drafts .name").all_inner_texts()


def wait_for_answer(visit: Visit, act: Any) -> None:
    """Do something that changes the call, and wait for its answer."""
    with visit.page.expect_response("**/workbench/evaluate"):
        act()
    visit.settle()


def test_a_new_user_meets_a_warning_card_without_a_click(visit: Visit) -> None:
    visit.go()
    assert cards(visit.page) == [WARNING]
    expect(visit.page.locator("article.warning .indicator")).to_have_text("Warning")
    expect(visit.page.locator("#status")).to_contain_text("1 card: 1 warning.")


def test_another_patient_with_a_warning_is_two_clicks_away(visit: Visit) -> None:
    visit.go()
    visit.page.get_by_text("Choose another patient").click()
    wait_for_answer(visit, visit.page.get_by_role("button", name="Whipple with proven liver metastases").click)
    expect(visit.page.locator("#story-title")).to_have_text("Whipple with proven liver metastases")
    assert visit.page.locator("article.warning, article.critical").count() >= 1
    assert visit.page.url.endswith("#patient=whipple-with-proven-liver-metastases&hook=order-select&orders=whipple")


def test_the_search_finds_words_of_the_story(visit: Visit) -> None:
    visit.go()
    visit.page.get_by_text("Choose another patient").click()
    visit.page.get_by_label("Search title and story").fill("pacemaker whipple")
    shown = visit.page.locator("#patients button:visible")
    assert "Whipple contrast allergy and pacemaker" in shown.all_inner_texts()
    assert shown.count() < 5
    visit.page.get_by_label("Search title and story").fill("no such words")
    expect(visit.page.locator("#search-count")).to_have_text("0 found")
    assert shown.count() == 0


def test_a_change_of_order_or_hook_asks_again(visit: Visit) -> None:
    visit.go()
    visit.page.get_by_text("Add or take away orders").click()
    chip = visit.page.get_by_role("button", name="FOLFIRINOX", exact=True)
    expect(chip).to_have_attribute("aria-pressed", "true")
    wait_for_answer(visit, chip.click)
    expect(visit.page.locator("article.none h3")).to_have_text("No card")
    assert drafts(visit.page) == []
    wait_for_answer(visit, visit.page.get_by_role("button", name="Liver resection", exact=True).click)
    assert drafts(visit.page) == ["Resection of liver metastases"]
    assert request_of(visit.page)["context"]["selections"] == ["ServiceRequest/liver-resection"]
    wait_for_answer(visit, visit.page.get_by_label("order-sign").check)
    assert request_of(visit.page)["hook"] == "order-sign"
    assert "selections" not in request_of(visit.page)["context"]
    assert len(cards(visit.page)) >= 1


def test_two_templates_with_one_id_become_two_orders(visit: Visit) -> None:
    visit.go()
    visit.page.get_by_text("Add or take away orders").click()
    wait_for_answer(visit, visit.page.get_by_role("button", name="FOLFOX", exact=True).click)
    context = request_of(visit.page)["context"]
    ids = [entry["resource"]["id"] for entry in context["draftOrders"]["entry"]]
    assert len(ids) == len(set(ids)) > 4
    assert "oxaliplatin-2" in ids
    assert sorted(context["selections"]) == sorted(f"MedicationRequest/{ident}" for ident in ids)


def test_a_link_opens_its_state_and_tells_what_it_does_not_know(visit: Visit) -> None:
    page = visit.page
    visit.go(
        "#patient=tissue-from-text&hook=order-sign&orders=whipple,nothing,pet-ct"
        "&missing=documents:absent,reports:gone,flags:null"
    )
    expect(page.locator("#story-title")).to_have_text("Tissue from text")
    expect(page.get_by_label("order-sign")).to_be_checked()
    assert len(drafts(page)) == 2
    assert page.locator("[data-missing] >> visible=true").count() > 10, "what is changed is in sight"
    assert "documents" not in request_of(page)["prefetch"]
    assert request_of(page)["prefetch"]["flags"] is None
    assert request_of(page)["prefetch"]["reports"]["resourceType"] == "Bundle"
    expect(page.locator("#patient-note")).to_have_text(
        "Left out of this link, because it is not known here: order nothing; missing reports:gone."
    )
    wait_for_answer(visit, lambda: page.evaluate("location.hash = '#patient=under-eighteen&hook=nothing'"))
    expect(page.locator("#story-title")).to_have_text("Under eighteen")
    expect(page.get_by_label("order-select")).to_be_checked()
    expect(page.locator("#patient-note")).to_contain_text("not known here: hook nothing.")
    page.get_by_text("Choose another patient").click()
    wait_for_answer(visit, page.get_by_role("button", name="Whipple with proven liver metastases").click)
    expect(page.locator("#patient-note")).to_be_hidden()


@pytest.mark.parametrize(
    ("link", "told", "orders"),
    [
        ("orders=folfirinos,constructor", "order folfirinos; order constructor. The orders are the story's own.", 4),
        ("orders=", "", 0),
        ("orders=folfirinox", "", 4),
        (
            "missing=reports:null:x,:null,__proto__:null",
            "missing __proto__:null; missing reports:null:x; missing :null.",
            4,
        ),
        ("order=whipple&patient=under-eighteen", "order=whipple; patient=under-eighteen.", 4),
    ],
    ids=["no-order-known", "no-orders", "all-known", "missing", "names"],
)
def test_a_link_without_a_known_order_has_those_of_the_story(visit: Visit, link: str, told: str, orders: int) -> None:
    page = visit.page
    visit.go(f"#patient=folfirinox-no-tissue&{link}")
    expect(page.locator("#story-title")).to_have_text("FOLFIRINOX no tissue")
    assert len(drafts(page)) == orders
    note = page.locator("#patient-note")
    if told:
        expect(note).to_have_text(f"Left out of this link, because it is not known here: {told}")
    else:
        expect(note).to_be_hidden()


def test_unpicking_an_order_leaves_it_out_of_the_selection(visit: Visit) -> None:
    visit.go()
    wait_for_answer(visit, visit.page.get_by_role("checkbox", name="oxaliplatin").uncheck)
    assert "MedicationRequest/oxaliplatin" not in request_of(visit.page)["context"]["selections"]
    assert len(request_of(visit.page)["context"]["draftOrders"]["entry"]) == 4


@pytest.mark.parametrize(
    ("way", "sent", "completeness", "says"),
    [
        ("absent", "absent", "not-attempted", "did not send"),
        ("null", "null", "complete", ""),
        ("error", "error", "failed", "could not read"),
        ("partial", "0, more exist", "failed", "0 of 1"),
    ],
)
def test_each_toggle_shows_unknown_at_work(visit: Visit, way: str, sent: str, completeness: str, says: str) -> None:
    page = visit.page
    visit.go()
    page.get_by_text("Make data missing").click()
    wait_for_answer(visit, lambda: page.get_by_label("reports", exact=True).select_option(way))
    expect(page.locator('[data-sent="reports"]')).to_have_text(sent)
    assert f"missing=reports:{way}" in unquote(page.url)
    page.get_by_role("tab", name="Searches").click()
    row = page.locator("#searches tr", has=page.get_by_role("rowheader", name="reports", exact=True))
    expect(row).to_contain_text(completeness)
    expect(row).to_contain_text(says)
    if way == "null":
        assert not NOT_CHECKED.search(cards(page)[0])
    else:
        assert NOT_CHECKED.search(cards(page)[0])
    expect(page.locator("#timeline .unsent")).to_have_count(1)
    wait_for_answer(visit, page.get_by_role("button", name="Everything as stored").click)
    assert cards(page) == [WARNING]
    assert "missing" not in page.url


def test_without_the_conditions_the_call_is_refused_and_says_so(visit: Visit) -> None:
    visit.go(STATES["refused"])
    expect(visit.page.locator("article.refused .indicator")).to_have_text("Error 412")
    expect(visit.page.locator(".trail .stopped")).to_contain_text("The call ends here.")
    expect(visit.page.locator("#response-json")).to_contain_text("OperationOutcome")


@pytest.mark.parametrize(
    ("missing", "told"),
    [
        (
            "reports:null,pathology:absent",
            [
                "pathology: sent as absent, read as not-attempted (the client did not send it)",
                "reports: sent as null, read as complete",
            ],
        ),
        (
            "reports:partial",
            [
                "pathology: sent as 0, read as complete",
                "reports: sent as 0, more exist, read as failed (only 0 of 1 results were sent)",
            ],
        ),
    ],
    ids=["null", "partial"],
)
def test_a_resource_that_the_call_does_not_bring_is_told_with_its_searches(
    visit: Visit, missing: str, told: list[str]
) -> None:
    page = visit.page
    visit.go(f"#patient=folfirinox-no-tissue&missing={missing}")
    page.locator("#timeline .unsent").click()
    expect(page.locator("dialog p").first).to_have_text("The call does not bring this resource.")
    assert page.locator("dialog li").all_inner_texts() == told


def test_a_resource_that_no_search_asks_for_is_told_so_and_a_call_without_answer_says_no_more(visit: Visit) -> None:
    page = visit.page
    goal = {"resourceType": "Goal", "id": "x", "subject": {"reference": "Patient/p"}}
    entry = [{"resource": {"resourceType": "Patient", "id": "p"}}, {"resource": goal}]
    paste(visit, json.dumps({"resourceType": "Bundle", "entry": entry}))
    page.locator("#timeline [data-reference='Goal/x']").click()
    expect(page.locator("dialog")).to_contain_text("No search of this service asks for its type.")
    page.keyboard.press("Escape")
    visit.go("#patient=order-metformin&missing=conditions:absent")
    page.locator("#timeline .unsent").first.click()
    expect(page.locator("dialog li")).to_have_text("conditions: sent as absent, not needed for this call")


def test_what_belongs_to_another_patient_is_marked_in_words(visit: Visit) -> None:
    call = json.loads(CALL)
    reports = call["prefetch"]["reports"]["entry"]
    foreign = {**reports[0]["resource"], "id": "foreign", "subject": {"reference": "Patient/somebody-else"}}
    reports.append({"resource": foreign})
    paste(visit, json.dumps(call))
    event = visit.page.locator("#timeline [data-reference='DiagnosticReport/foreign']")
    expect(event).to_contain_text("Imaging · of another patient, not used")
    expect(event).to_have_class("event imaging unused")
    expect(visit.page.locator("#timeline .unused")).to_have_count(1)
    visit.shot("workbench-foreign-light")
    visit.page.emulate_media(color_scheme="dark")
    visit.shot("workbench-foreign-dark")


def test_accepting_a_suggestion_adds_the_order_and_reports_it(visit: Visit) -> None:
    page = visit.page
    visit.go()
    wait_for_answer(visit, page.get_by_role("button", name="Order image-guided percutaneous liver biopsy").click)
    assert len(drafts(page)) == 5
    created = request_of(page)["context"]["draftOrders"]["entry"][-1]["resource"]
    assert (created["resourceType"], created["status"]) == ("ServiceRequest", "draft")
    expect(page.locator("#feedback-list pre")).to_have_count(2)
    expect(page.locator("#feedback-list")).to_contain_text("With a store, a server that showed this card would answer")
    feedback = page.locator("#feedback-list pre").all_inner_texts()
    sent, answer = (json.loads(text) for text in feedback)
    assert sent["feedback"][0]["outcome"] == "accepted"
    assert len(sent["feedback"][0]["acceptedSuggestions"]) == 1
    assert answer == {"received": 1, "ignored": 0}
    assert WARNING not in cards(page)
    expect(page.locator("#cards-title")).to_be_focused()


def test_accepting_the_removal_takes_the_drafts_away(visit: Visit) -> None:
    visit.go()
    wait_for_answer(visit, visit.page.get_by_role("button", name="Remove the draft drug orders").click)
    assert "oxaliplatin" not in drafts(visit.page)
    assert WARNING not in cards(visit.page)


def test_an_overridden_card_is_folded_reported_and_stays_folded(visit: Visit) -> None:
    page = visit.page
    visit.go()
    page.get_by_text("Override", exact=True).click()
    reason = page.get_by_label("Reason").locator("option").nth(1)
    code, words = reason.get_attribute("value"), reason.text_content()
    page.get_by_label("Reason").select_option(str(code))
    page.get_by_label("Comment (optional)").fill("seen by the MDT")
    page.get_by_role("button", name="Override this card").click()
    expect(page.locator("article.overridden")).to_contain_text(f"({words})")
    item = json.loads(page.locator("#feedback-list pre").first.inner_text())["feedback"][0]
    assert item["outcome"] == "overridden"
    assert item["overrideReason"]["reason"]["code"] == code
    assert item["overrideReason"]["userComment"] == "seen by the MDT"
    wait_for_answer(visit, page.get_by_label("order-sign").check)
    expect(page.locator("article.overridden")).to_have_count(1)
    page.get_by_role("button", name="Show again").click()
    assert WARNING in cards(page)
    expect(page.locator("#cards-title")).to_be_focused()


def test_why_shows_the_place_the_facts_and_the_resource_behind_them(visit: Visit) -> None:
    page = visit.page
    visit.go()
    expect(page.locator(".flow g.here")).to_have_count(2)
    expect(page.locator(".flow g.card.warning")).to_contain_text("Tissue before systemic")
    expect(page.locator("#facts")).to_be_hidden()
    page.get_by_role("tab", name="Facts").click()
    expect(page.locator("#place")).to_be_hidden()
    fact = page.locator("details.fact", has_text="Liver").filter(has_text="imaging-definite").first
    fact.locator("summary").click()
    fact.get_by_role("button", name="DiagnosticReport/ct-pancreas").click()
    expect(page.locator("dialog pre")).to_contain_text('"resourceType": "DiagnosticReport"')
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_be_hidden()
    page.get_by_role("tab", name="Silent cards").click()
    expect(page.locator("#silent")).to_contain_text("Pancreas protocol CT for staging")
    page.get_by_role("tab", name="Pathway").click()
    page.get_by_role("button", name="Enlarge the pathway").click()
    expect(page.locator("dialog svg")).to_be_visible()
    page.get_by_role("button", name="Close").click()
    expect(page.locator("#place .flow svg")).to_be_visible()


def test_a_pasted_call_is_answered_and_enters_no_address(visit: Visit) -> None:
    page = visit.page
    visit.go()
    page.get_by_text("Use your own call or Bundle").click()
    page.get_by_label("JSON", exact=True).fill(
        CALL.replace('Patient/example"', 'Patient/Zebulon-Quux"').replace('": "example"', '": "Zebulon-Quux"')
    )
    page.get_by_label("Time of the call").fill("2026-03-02T09:00")
    wait_for_answer(visit, page.get_by_role("button", name="Use this data").click)
    assert WARNING in cards(page)
    assert "#" not in page.url
    assert len(drafts(page)) == 4
    wait_for_answer(visit, page.get_by_label("order-sign").check)
    assert request_of(page)["hook"] == "order-sign"
    assert request_of(page)["context"]["patientId"] == "Zebulon-Quux"
    assert not [url for url in visit.asked if "Zebulon" in url]


def test_a_pasted_bundle_is_a_patient_to_order_for(visit: Visit) -> None:
    page = visit.page
    bundle = ROOT / "fixtures" / "patients" / "tissue-from-text" / "bundle.json"
    visit.go()
    page.get_by_text("Use your own call or Bundle").click()
    page.get_by_label("or a file").set_input_files(bundle)
    expect(page.get_by_label("JSON", exact=True)).to_have_value(bundle.read_text(encoding="utf-8"))
    page.get_by_label("Time of the call").fill("2026-03-02T09:00")
    wait_for_answer(visit, page.get_by_role("button", name="Use this data").click)
    assert request_of(page)["context"]["patientId"] == "tissue-from-text"
    assert len(drafts(page)) == 4
    assert WARNING not in cards(page)
    assert page.locator("#timeline .event").count() >= 3


@pytest.mark.parametrize("ident", ['a"b', "$&", "x\\y", "$'", "{{context.patientId}}"])
def test_a_pasted_bundle_with_an_odd_id_is_answered_and_leaves_nothing_of_the_patient_before(
    visit: Visit, ident: str
) -> None:
    page = visit.page
    paste(
        visit, json.dumps({"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Patient", "id": ident}}]})
    )
    expect(page.locator("#story-title")).to_have_text("Your own data")
    assert WARNING not in cards(page)
    context = request_of(page)["context"]
    assert context["patientId"] == ident
    subjects = {entry["resource"]["subject"]["reference"] for entry in context["draftOrders"]["entry"]}
    assert subjects == {f"Patient/{ident}"}
    assert len(drafts(page)) == 4


def test_what_fails_in_the_page_is_told_and_leaves_nothing_of_the_patient_before(visit: Visit) -> None:
    page = visit.page
    visit.go()
    page.get_by_text("Use your own call or Bundle").click()
    page.get_by_label("JSON", exact=True).fill('{"resourceType": "Bundle"}')
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/workbench/evaluate", hold)
    page.get_by_label("order-sign").check()
    page.evaluate(
        """const replaceAll = String.prototype.replaceAll;
        String.prototype.replaceAll = function (...given) {
          if (String(given[0]).startsWith("{{")) throw new Error("broken on purpose");
          return replaceAll.apply(this, given);
        };"""
    )
    page.get_by_role("button", name="Use this data").click()
    expect(page.locator("#story-title")).to_have_text("Your own data")
    expect(page.locator("article.card")).to_have_count(1)
    expect(page.locator("article.refused")).to_contain_text("The fault is in the page, not in the service: broken on")
    expect(page.locator("#cards")).not_to_have_attribute("aria-busy", "true")
    assert drafts(page) == []
    assert page.locator("#timeline *").count() == 0
    # The answer about the patient before comes too late.
    assert held
    for route in held:
        route.abort()
    page.evaluate("new Promise(done => setTimeout(done))")
    expect(page.locator("article.refused")).to_contain_text("broken on purpose")
    visit.complaints.clear()


def paste(visit: Visit, text: str) -> None:
    """Open the page and use this text as one's own data."""
    visit.go()
    visit.page.get_by_text("Use your own call or Bundle").click()
    visit.page.get_by_label("JSON", exact=True).fill(text)
    visit.page.get_by_label("Time of the call").fill("2026-03-02T09:00")
    wait_for_answer(visit, visit.page.get_by_role("button", name="Use this data").click)


def odd_call(name: str) -> str:
    """A call whose shape is odd in one place, as pasted calls are."""
    call = json.loads(CALL)
    drafts = call["context"]["draftOrders"]["entry"]
    if name == "entry-as-object":
        call["prefetch"]["conditions"]["entry"] = call["prefetch"]["conditions"]["entry"][0]
    elif name == "coding-as-object":
        concept = drafts[0]["resource"]["medicationCodeableConcept"]
        concept["coding"] = concept["coding"][0]
    elif name == "prefetch-as-text":
        call["prefetch"] = "x"
    elif name == "empty-draft":
        drafts.append({})
    elif name == "null-draft":
        drafts.append(None)
    elif name == "null-entries":
        call["prefetch"]["conditions"]["entry"].append(None)
        call["prefetch"]["reports"]["link"] = [None]
    return json.dumps(call)


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("entry-as-object", 200),
        ("coding-as-object", 200),
        ("prefetch-as-text", 400),
        ("empty-draft", 400),
        ("null-draft", 400),
        ("null-entries", 200),
    ],
)
def test_a_call_of_odd_shape_is_shown_with_its_answer_and_keeps_its_orders(
    visit: Visit, name: str, status: int
) -> None:
    page = visit.page
    paste(visit, odd_call(name))
    expect(page.locator("#response-line")).to_have_text(f"Status {status}")
    assert "does not answer" not in page.locator("#cards").inner_text()
    assert len(drafts(page)) >= 4
    before = cards(page)
    wait_for_answer(visit, page.get_by_label("order-sign").check)
    assert len(request_of(page)["context"]["draftOrders"]["entry"]) >= 4
    assert bool(cards(page)) == bool(before)


def test_the_skip_link_moves_the_focus_and_nothing_else(visit: Visit) -> None:
    page = visit.page
    visit.go(STATES["resection"])
    before = (page.url, cards(page))
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#cards-title")).to_be_focused()
    assert (page.url, cards(page)) == before
    page.evaluate("location.hash = '#cards-title'")
    page.evaluate("new Promise(done => setTimeout(done))")
    expect(page.locator("#story-title")).to_have_text("Whipple with proven liver metastases")


def test_a_request_that_fails_leaves_nothing_of_the_answer_before(visit: Visit) -> None:
    page = visit.page
    visit.go()
    page.get_by_text("Make data missing").click()
    page.route("**/workbench/evaluate", lambda route: route.abort())
    page.get_by_label("order-sign").check()
    expect(page.locator("#cards")).to_contain_text("The service does not answer")
    assert page.locator("#why .trail, #facts, #timeline *").count() == 0
    for name in ("request-line", "request-json", "response-line", "response-json"):
        assert page.locator(f"#{name}").text_content() == ""
    assert set(page.locator("[data-sent]").all_inner_texts()) == {""}
    page.unroute("**/workbench/evaluate")
    wait_for_answer(visit, page.get_by_label("order-select").check)
    assert cards(page) == [WARNING]
    assert all("ERR_FAILED" in found for found in visit.complaints)
    visit.complaints.clear()


def test_a_failure_of_feedback_undoes_nothing_and_a_double_click_does_it_once(visit: Visit) -> None:
    page = visit.page
    visit.go()
    page.route("**/workbench/feedback", lambda route: route.abort())
    wait_for_answer(visit, page.get_by_role("button", name="Order image-guided percutaneous liver biopsy").dblclick)
    expect(page.locator("#feedback-list")).to_contain_text("Not sent: The service does not answer")
    expect(page.locator("#feedback-list li")).to_have_count(1)
    assert len(drafts(page)) == 5
    assert page.locator("article.refused").count() == 0
    page.get_by_text("Choose another patient").click()
    wait_for_answer(visit, page.get_by_role("button", name="Whipple with proven liver metastases").click)
    expect(page.locator("#feedback")).to_be_hidden()
    assert page.locator("#feedback-list li").count() == 0
    visit.complaints.clear()


def test_of_two_patients_the_one_chosen_last_is_shown(visit: Visit) -> None:
    page = visit.page
    visit.go()
    waiting: list[Any] = []

    def hold(route: Route) -> None:
        waiting.append(route)

    page.route("**/workbench/patients/under-eighteen", hold)
    page.evaluate("location.hash = '#patient=under-eighteen'")
    page.wait_for_function("location.hash === '#patient=under-eighteen'")
    with page.expect_response("**/workbench/evaluate"):
        page.evaluate("location.hash = '#patient=tissue-from-text'")
    expect(page.locator("#story-title")).to_have_text("Tissue from text")
    with page.expect_response("**/workbench/patients/under-eighteen"):
        waiting[0].continue_()
    page.evaluate("new Promise(done => setTimeout(done))")
    expect(page.locator("#story-title")).to_have_text("Tissue from text")


def test_a_link_to_nobody_says_so_and_offers_no_way_that_nobody_can_see(visit: Visit) -> None:
    page = visit.page
    visit.go("#patient=nope&missing=reports:error")
    expect(page.locator("#patient-note")).to_have_text(
        "No stored patient is called nope. This is the first one; nothing else of the link was taken."
    )
    assert cards(page) == [WARNING]
    visit.go("#patient=nope")
    expect(page.locator("#patient-note")).to_have_text("No stored patient is called nope. This is the first one.")
    visit.go("#patient=folfirinox-no-tissue&missing=patient:partial,foo:error,flags:null")
    expect(page.locator("#missing-count")).to_have_text("1 changed")
    expect(page.locator("#patient-note")).to_contain_text("not known here: missing patient:partial; missing foo:error.")
    assert unquote(page.url).endswith("missing=flags:null")
    assert "foo" not in request_of(page)["prefetch"]


def test_a_link_names_orders_only_as_they_are_stored(visit: Visit) -> None:
    page = visit.page
    visit.go()
    assert page.url.endswith("&orders=folfirinox")
    expect(page.locator("#link-note")).to_be_hidden()
    wait_for_answer(visit, page.get_by_role("checkbox", name="oxaliplatin").uncheck)
    assert "orders=" not in page.url
    expect(page.locator("#link-note")).to_be_visible()
    wait_for_answer(visit, page.get_by_role("checkbox", name="oxaliplatin").check)
    assert page.url.endswith("&orders=folfirinox")


def test_a_story_says_as_of_when_it_was_decided(visit: Visit) -> None:
    visit.go()
    said = visit.page.locator("#request-time").text_content()
    assert said == "Decided as of 2026-03-02; sent today, cards that depend on dates may differ."


def test_the_tabs_stand_in_one_row_and_the_drawing_can_be_read(visit: Visit) -> None:
    visit.page.set_viewport_size({"width": 1366, "height": 800})
    visit.go()
    tops = {box["y"] for tab in visit.page.get_by_role("tab").all() if (box := tab.bounding_box())}
    assert len(tops) == 1
    drawing = visit.page.locator(".drawing svg").bounding_box()
    assert drawing is not None
    assert drawing["width"] >= 600
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= 1366


def test_what_cannot_be_read_is_told_as_the_service_tells_it(visit: Visit) -> None:
    page = visit.page
    visit.go()
    page.get_by_text("Use your own call or Bundle").click()
    page.get_by_label("JSON", exact=True).fill('{"hook": "order-select", "hook": "order-sign"}')
    wait_for_answer(visit, page.get_by_role("button", name="Use this data").click)
    expect(page.locator("article.refused")).to_contain_text("a key stands twice")


def test_by_keyboard_alone(visit: Visit) -> None:
    page = visit.page
    visit.go()

    def go_to(locator: str, most: int = 80) -> None:
        for _ in range(most):
            page.keyboard.press("Tab")
            if page.evaluate("found => document.activeElement?.matches(found)", locator):
                return
        raise AssertionError(f"{locator} is not reached by the Tab key")

    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    go_to("#picker summary")
    page.keyboard.press("Enter")
    go_to("#search")
    page.keyboard.type("whipple-with-proven liver metastases".replace("-", " "))
    go_to('#patients [data-patient="whipple-with-proven-liver-metastases"]')
    wait_for_answer(visit, lambda: page.keyboard.press("Enter"))
    expect(page.locator("#story-title")).to_have_text("Whipple with proven liver metastases")
    go_to("#timeline [role=button]")
    page.keyboard.press("Enter")
    expect(page.locator("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    go_to("input[name=hook]")
    wait_for_answer(visit, lambda: page.keyboard.press("ArrowRight"))
    assert request_of(page)["hook"] == "order-sign"
    go_to("[data-suggestion]")
    wait_for_answer(visit, lambda: page.keyboard.press("Enter"))
    expect(page.locator("#feedback-list li")).to_have_count(1)
    go_to("#tab-place")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#tab-facts")).to_be_focused()
    expect(page.locator("#facts")).to_be_visible()


@pytest.mark.parametrize(
    ("state", "scheme"),
    [*((state, "light") for state in STATES), ("first", "dark"), ("missing", "dark"), ("refused", "dark")],
)
def test_an_accessibility_engine_finds_nothing_serious(visit: Visit, state: str, scheme: Any) -> None:
    visit.page.emulate_media(color_scheme=scheme)
    visit.go(STATES[state])
    # Everything that can be opened is looked at, also what stands behind the other tabs.
    visit.page.evaluate("document.querySelectorAll('details').forEach(found => { found.open = true; })")
    visit.page.evaluate("document.querySelectorAll('[role=tabpanel]').forEach(found => { found.hidden = false; })")
    visit.page.evaluate(AXE)
    found = visit.page.evaluate("axe.run()")["violations"]
    serious = [
        (item["id"], item["nodes"][0]["target"], item["nodes"][0]["failureSummary"])
        for item in found
        if item["impact"] in {"serious", "critical"}
    ]
    assert serious == []


@pytest.mark.parametrize(
    ("name", "scheme", "width"), [("light", "light", 1440), ("dark", "dark", 1440), ("narrow", "light", 390)]
)
def test_pictures_are_kept_and_hold_a_page(visit: Visit, name: str, scheme: Any, width: int) -> None:
    visit.page.emulate_media(color_scheme=scheme)
    visit.page.set_viewport_size({"width": width, "height": 900})
    visit.go()
    picture = Image.open(BytesIO(visit.shot(f"workbench-{name}"))).convert("L")
    assert picture.width == width
    assert 900 <= picture.height <= 12_000
    # Neither blank nor unstyled: many shades, and mostly the ground that the scheme asks for.
    shades = picture.histogram()
    assert sum(count > 0 for count in shades) > 50
    bright = sum(shades[200:]) / sum(shades)
    assert bright > 0.8 if scheme == "light" else bright < 0.1


def test_on_a_narrow_screen_nothing_is_wider_than_the_screen(visit: Visit) -> None:
    visit.page.set_viewport_size({"width": 390, "height": 844})
    visit.go()
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= 390
