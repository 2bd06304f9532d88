"""F8: an earlier ultrasound-guided liver biopsy that did not show or hit the lesion."""

from __future__ import annotations

from typing import Any

import pytest

from cds_service.facts.fact import Fact
from cds_service.fhir.source import Completeness
from tests.facts.cases import (
    BROKEN,
    LOINC,
    SNOMED,
    V2_REPORTS,
    Json,
    attachment,
    coded,
    ct,
    days_ago,
    line,
    make_case,
    mri,
    named,
    pathology,
    report,
    ultrasound,
)

US_BIOPSY = coded(LOINC, "24816-1")
CT_BIOPSY = coded(LOINC, "24812-0")
LIVER_BIOPSY = coded(SNOMED, "86259008")
GENERIC = coded(SNOMED, "277667006", "Ultrasound guided biopsy (procedure)")
NOT_SEEN = named("Lesion not visualised")
FAILED = "US guided liver biopsy attempted. Lesion not seen on ultrasound. Procedure abandoned."
SAMPLED = "Ultrasound-guided biopsy of segment V liver lesion. 16G coaxial, three cores, good quality. No complication."
LIVER_SPECIMEN: Json = {
    "resourceType": "Specimen",
    "id": "sp1",
    "status": "available",
    "type": coded(SNOMED, "119383005"),
}
METASTASES = "Impression: multiple liver metastases."


def procedure(code: Json = US_BIOPSY, date: str = days_ago(5), status: str = "not-done", **more: Any) -> Json:
    out: Json = {"resourceType": "Procedure", "id": "pr1", "status": status, "code": code}
    return out | ({"performedDateTime": date} if date else {}) | more


def sample(text: str, date: str = days_ago(5), **more: Any) -> Json:
    return pathology(text, "path", date, specimen=[{"reference": "Specimen/sp1"}], **more)


def failed(*resources: Json, searches: dict[str, Completeness] | None = None) -> Fact:
    return make_case(*resources, searches=searches).fact("failed_ultrasound_biopsy")


def _stopped_for(reason: str) -> tuple[Json, ...]:
    """The ways in which a Procedure may say why it came to nothing."""
    return (
        {"statusReason": named(reason)},
        {"status": "stopped", "note": [{"text": reason}]},
        {"status": "completed", "outcome": named("Unsuccessful"), "statusReason": named(reason)},
        {"status": "completed", "outcome": named("Unsuccessful"), "note": [{"text": f"{reason}."}]},
        {"status": "completed", "outcome": named(f"Unsuccessful, {reason.lower()}")},
    )


@pytest.mark.parametrize(
    ("item", "state"),
    [
        pytest.param(procedure(statusReason=NOT_SEEN), "yes", id="not-done-not-seen"),
        pytest.param(procedure(status="stopped", statusReason=NOT_SEEN), "yes", id="stopped-not-seen"),
        pytest.param(procedure(note=[{"text": FAILED}]), "yes", id="not-seen-in-the-note"),
        pytest.param(procedure(status="completed", outcome=NOT_SEEN), "yes", id="completed-without-success"),
        pytest.param(procedure(status="completed", note=[{"text": FAILED}]), "yes", id="completed-note"),
        pytest.param(procedure(statusReason=named(FAILED.removesuffix("."))), "yes", id="account-as-reason"),
        pytest.param(
            procedure(note=[{"text": "Planned for seg VI."}], statusReason=named("We could not find the nodule")),
            "yes",
            id="only-the-account-says-so",
        ),
        pytest.param(
            procedure(
                GENERIC,
                status="stopped",
                bodySite=[named("Liver structure")],
                statusReason=named("Unable to identify target lesion"),
            ),
            "yes",
            id="the-liver-only-as-body-site",
        ),
        pytest.param(
            procedure(
                GENERIC,
                status="stopped",
                bodySite=coded(SNOMED, "10200004"),
                statusReason=named("Unable to identify target lesion"),
            ),
            "yes",
            id="body-site-as-a-bare-code",
        ),
        pytest.param(
            procedure(statusReason=named("Not demonstrable on ultrasound")), "yes", id="not-demonstrable-on-ultrasound"
        ),
        pytest.param(procedure(status="completed", outcome=named("Unsuccessful")), "yes", id="unsuccessful"),
        pytest.param(
            procedure(status="completed", outcome=coded("urn:x", "1", "No tissue obtained")), "yes", id="no-tissue"
        ),
        pytest.param(
            procedure(status="completed", outcome=named("Unsuccessful"), statusReason=named("Patient intolerance")),
            "no",
            id="unsuccessful-for-intolerance",
        ),
        pytest.param(
            procedure(status="completed", outcome=named("Unsuccessful, breath holding")), "no", id="breath-holding"
        ),
        *(
            pytest.param(procedure(**how), "no", id=f"{reason}-{number}")
            for reason in (
                "No safe window",
                "No safe percutaneous access",
                "No safe percutaneous route",
                "Patient could not tolerate",
                "Patient could not tolerate the procedure",
            )
            for number, how in enumerate(_stopped_for(reason))
        ),
        pytest.param(
            procedure(
                status="completed",
                outcome=named("Unsuccessful"),
                note=[{"text": "Biopsy not done because the patient ate breakfast."}],
            ),
            "no",
            id="unsuccessful-and-the-account-says-why",
        ),
        pytest.param(
            procedure(
                status="completed", outcome=named("Unsuccessful"), note=[{"text": "No safe window. Lesion not seen."}]
            ),
            "yes",
            id="no-window-and-not-seen",
        ),
        pytest.param(procedure(status="stopped", outcome=named("Unsuccessful")), "no", id="stopped-unsuccessful"),
        pytest.param(procedure(CT_BIOPSY, status="completed", outcome=named("Failed")), "no", id="unsuccessful-ct"),
        pytest.param(
            procedure(LIVER_BIOPSY, status="completed", outcome=named("Unsuccessful")),
            "unknown:indeterminate",
            id="unsuccessful-guidance-not-stated",
        ),
        pytest.param(procedure(status="completed"), "no", id="completed"),
        pytest.param(procedure(), "no", id="not-done-no-reason"),
        pytest.param(procedure(statusReason=named("INR too high, contraindicated")), "no", id="coagulation"),
        pytest.param(procedure(statusReason=named("Patient declined")), "no", id="refusal"),
        pytest.param(procedure(status="entered-in-error", statusReason=NOT_SEEN), "no", id="in-error"),
        pytest.param(procedure(status="", statusReason=NOT_SEEN), "no", id="no-status"),
        pytest.param(procedure(date="", statusReason=NOT_SEEN), "yes", id="undated"),
        pytest.param(procedure(date=days_ago(-9), statusReason=NOT_SEEN), "no", id="future"),
        pytest.param(procedure(LIVER_BIOPSY, statusReason=NOT_SEEN), "unknown:indeterminate", id="guidance-not-stated"),
        pytest.param(
            procedure(LIVER_BIOPSY, statusReason=NOT_SEEN, note=[{"text": "ultrasound guided"}]),
            "yes",
            id="guided-by-note",
        ),
        pytest.param(procedure(CT_BIOPSY, statusReason=NOT_SEEN), "no", id="under-ct"),
        pytest.param(
            procedure(coded(LOINC, "24816-1", "Liver biopsy with CEUS"), statusReason=NOT_SEEN),
            "no",
            id="ceus-beside-us",
        ),
        pytest.param(procedure(named("CEUS-guided liver biopsy"), statusReason=NOT_SEEN), "no", id="under-ceus"),
        pytest.param(procedure(named("US-guided biopsy of kidney"), statusReason=NOT_SEEN), "no", id="kidney"),
        pytest.param(procedure(named("US-guided FNA thyroid"), statusReason=NOT_SEEN), "no", id="thyroid"),
        pytest.param(
            procedure(
                GENERIC,
                bodySite=[named("Kidney")],
                statusReason=named("Unable to identify target lesion"),
            ),
            "no",
            id="the-kidney-as-body-site",
        ),
        pytest.param(procedure(named("EUS-guided biopsy of pancreas"), statusReason=NOT_SEEN), "no", id="pancreas"),
    ],
)
def test_procedures(item: Json, state: str) -> None:
    assert failed(item).state == state


@pytest.mark.parametrize(
    ("reason", "note", "state"),
    [
        ("INR too high", "Ascites not seen. Lesion well seen.", "no"),
        ("Patient refused", "No ascites, gallstones not seen.", "no"),
        ("INR 2.4", "Bile ducts not visualised.", "no"),
        ("", "deferred: patient on apixaban. Portal vein thrombus not identified.", "no"),
        (
            "",
            "Target lesion clearly visible. Abandoned: lesion clearly seen but inaccessible behind bowel.",
            "no",
        ),
        ("", "could not be targeted because patient could not lie still.", "no"),
        ("", "The lesion could not be targeted because patient could not lie still.", "no"),
        ("", "not done because of INR 2.1. No lesion seen on prior CT.", "no"),
        ("", "Lesion clearly seen. Procedure not done because of INR 2.1. Ascites not seen.", "no"),
        ("", "Lesion well seen. Stopped: patient could not hold breath. No pneumothorax identified.", "no"),
        ("", "abandoned: INR 2.4. Dilated bile ducts not seen.", "no"),
        ("Platelets 30", "Intrahepatic ducts not dilated. Hepatic vein not identified.", "no"),
        ("INR 2.3", "Not seen.", "no"),
        ("", "Not done, INR 2.4. Needle not visualised.", "no"),
        ("Anaphylaxis", "Portal vein not seen.", "no"),
        ("Patient could not hold breath", "Gallbladder not visible.", "no"),
        ("", "Stopped: anaphylaxis. No varices identified.", "no"),
        ("", "Not done: patient not fasted. Kidneys not seen.", "no"),
        ("Patient anxious", "No thrombus seen.", "no"),
        ("", "lesion not accessible, no safe route. Procedure abandoned.", "no"),
        ("", "Abandoned: intervening bowel, lesion inaccessible.", "no"),
        ("Patient unwell", "Lesion was easily seen. Spleen not visualised.", "no"),
        ("", "Cancelled as platelets 28. Lesion not seen on MRI.", "no"),
        ("Breath holding not possible", "Radicles not identified", "no"),
        ("INR too high; ascites not seen", "", "no"),
        ("Equipment failure", "Image not found.", "no"),
        ("", "lesion could not be visualised on ultrasound", "yes"),
        ("Lesion not visualised", "", "yes"),
        ("", "Lesion could not be seen on ultrasound. INR 1.0.", "yes"),
        ("INR 2.0", "Lesion not seen on ultrasound.", "yes"),
        ("", "Not seen.", "yes"),
        ("", "Target not visible, procedure abandoned.", "yes"),
        ("", "Could not be seen.", "yes"),
        ("", "Scanned carefully. It could not be identified. Abandoned.", "yes"),
        ("", "We could not find the lesion. No ascites.", "yes"),
        ("", "Ascites present. Lesion not visualised.", "yes"),
        ("", "Lesion clearly seen on CT but not identified on ultrasound. Abandoned.", "yes"),
        ("", "The segment 7 metastasis was not visible.", "yes"),
        ("", "The hepatic tumour was not seen.", "yes"),
        ("", "Operator could not see it.", "yes"),
        ("", "Unable to locate the nodule described on CT.", "yes"),
        ("", "Lesion next to the portal vein not visualised.", "yes"),
        ("", "Despite deep inspiration not visualised.", "yes"),
        ("Not visualised; INR 1.1", "Lesion not visible on US.", "yes"),
        ("", "Nothing seen to target.", "yes"),
        ("", "the lesion could not be targeted, not visible", "yes"),
        ("", "Metastases seen on CT not identified today.", "yes"),
        ("", "Isoechoic lesion, could not be made out.", "yes"),
        ("", "not identified with confidence, procedure abandoned", "yes"),
        ("", "Both lesions not seen on CEUS-free ultrasound.", "yes"),
    ],
)
def test_what_was_not_seen_is_the_lesion(reason: str, note: str, state: str) -> None:
    said: dict[str, Any] = {"statusReason": named(reason)} if reason else {}
    said |= {"note": [{"text": note}]} if note else {}
    assert failed(procedure(**said)).state == state


@pytest.mark.parametrize(
    ("text", "state"),
    [
        pytest.param("Liver, core biopsy: normal hepatocytes only, no malignancy.", "yes", id="normal-liver"),
        pytest.param("Liver, core biopsy: insufficient for diagnosis.", "yes", id="insufficient"),
        pytest.param("Liver, core biopsy: atypical cells, suspicious for malignancy.", "no", id="suspicious"),
        pytest.param("Liver, FNA: atypical cells.", "no", id="atypical"),
        pytest.param("Liver, core biopsy: necrotic tissue only.", "no", id="necrotic"),
        pytest.param("Liver, core biopsy: necrosis, no viable tumour.", "no", id="necrosis"),
        pytest.param("Liver, core biopsy: normal liver, no atypia, no necrosis.", "yes", id="no-atypia"),
        pytest.param("Liver, core biopsy: hepatitis with piecemeal necrosis.", "yes", id="hepatitis"),
        pytest.param(
            "Clinical: liver lesion suspicious for metastasis.\nLiver, core biopsy: normal liver.",
            "yes",
            id="suspicious-only-in-the-question",
        ),
        pytest.param("Liver, core biopsy: metastatic adenocarcinoma.", "no", id="diagnostic"),
        pytest.param("Liver, core biopsy: haemangioma. No malignancy.", "no", id="named-benign-lesion"),
    ],
)
@pytest.mark.parametrize(
    "links",
    [
        pytest.param(({}, {}), id="same-day"),
        pytest.param(({"report": [{"reference": "DiagnosticReport/path"}]}, {}), id="procedure-names-report"),
        pytest.param(
            ({"basedOn": [{"reference": "ServiceRequest/s"}]}, {"basedOn": [{"reference": "ServiceRequest/s"}]}),
            id="one-order",
        ),
    ],
)
def test_the_sample_of_the_attempt_decides(text: str, state: str, links: tuple[Json, Json]) -> None:
    done = procedure(status="completed", **links[0])
    assert failed(done, sample(text, **links[1]), LIVER_SPECIMEN).state == state


def test_a_withdrawn_report_of_the_sample_does_not_speak_for_it() -> None:
    final = sample("Liver, core biopsy: insufficient for diagnosis.")
    withdrawn = sample("Liver, core biopsy: insufficient.", status="cancelled") | {"id": "old"}
    assert failed(procedure(status="completed"), final, withdrawn, LIVER_SPECIMEN).state == "yes"


def test_a_sample_of_another_day_or_of_an_undated_attempt_is_not_its_sample() -> None:
    text = "Liver, core biopsy: insufficient for diagnosis."
    assert failed(procedure(status="completed"), sample(text, days_ago(20)), LIVER_SPECIMEN).state == "no"
    assert failed(procedure(status="completed", date=""), sample(text), LIVER_SPECIMEN).state == "no"
    assert failed(procedure(status="completed"), sample(text, ""), LIVER_SPECIMEN).state == "no"


@pytest.mark.parametrize(
    ("item", "state"),
    [
        pytest.param(report(US_BIOPSY, FAILED), "yes", id="biopsy-report"),
        pytest.param(ultrasound(FAILED), "yes", id="attempt-filed-as-ultrasound"),
        pytest.param(report(LIVER_BIOPSY, FAILED), "yes", id="guidance-in-the-words"),
        *(
            pytest.param(report(code, text), "yes", id=f"{text}-{number}")
            for number, code in enumerate((US_BIOPSY, named("US guided liver biopsy"), coded(LOINC, "24816-1")))
            for text in (
                "Lesion not seen on ultrasound.",
                "Lesions could not be seen.",
                "The lesion could not be seen on ultrasound.",
                "The liver lesion was not seen on ultrasound.",
                "Lesion not seen on ultrasound. Biopsy not performed.",
                "Impression: lesion not seen on ultrasound, no biopsy taken.",
            )
        ),
        pytest.param(report(named("US liver"), "Lesion not seen on ultrasound."), "no", id="title-names-no-biopsy"),
        pytest.param(report(CT_BIOPSY, "Lesion not seen."), "no", id="title-names-ct"),
        pytest.param(report(US_BIOPSY, "Patient could not tolerate the procedure."), "no", id="not-tolerated"),
        pytest.param(report(US_BIOPSY, "No safe percutaneous access."), "no", id="no-access"),
        pytest.param(report(US_BIOPSY, "Normal liver."), "unknown:uninterpretable", id="title-is-no-account"),
        pytest.param(report(US_BIOPSY, SAMPLED), "no", id="sampled"),
        pytest.param(
            ultrasound("Ultrasound abdomen, diagnostic. Liver poorly seen due to gas."), "no", id="diagnostic-us"
        ),
        pytest.param(report(US_BIOPSY, FAILED, status="preliminary"), "no", id="not-final"),
        pytest.param(report(CT_BIOPSY, FAILED), "no", id="report-of-ct-guidance"),
        pytest.param(report(US_BIOPSY), "unknown:uninterpretable", id="no-words"),
        pytest.param(
            report(US_BIOPSY, presentedForm=[attachment("x", "application/pdf")]), "unknown:uninterpretable", id="pdf"
        ),
        pytest.param(report(CT_BIOPSY), "no", id="ct-guided-no-words"),
        pytest.param(ultrasound(), "no", id="ultrasound-no-words"),
        pytest.param(ct("Liver biopsy failed, lesion not seen on ultrasound."), "no", id="mentioned-in-a-ct"),
        pytest.param(pathology("Ultrasound-guided liver biopsy. Lesion not seen on ultrasound."), "no", id="pathology"),
    ],
)
def test_reports(item: Json, state: str) -> None:
    assert failed(item).state == state


def test_the_quote_is_shown() -> None:
    assert "not seen" in line(failed(report(US_BIOPSY, FAILED)), "DiagnosticReport/r1").quote


@pytest.mark.parametrize("imaging", [ct, mri])
@pytest.mark.parametrize(
    ("attempt", "state"),
    [
        pytest.param(days_ago(3), "yes", id="after-the-imaging"),
        pytest.param(days_ago(17), "yes", id="a-week-before"),
        pytest.param(days_ago(19), "no", id="more-than-a-week-before"),
    ],
)
def test_an_attempt_older_than_the_imaging_does_not_count(imaging: Any, attempt: str, state: str) -> None:
    fact = failed(procedure(date=attempt, statusReason=NOT_SEEN), imaging(METASTASES, "im", days_ago(10)))
    assert fact.state == state
    assert line(fact, "Procedure/pr1").counted is (state == "yes")


@pytest.mark.parametrize(
    "imaging",
    [
        pytest.param(ct("Impression: normal liver, no focal lesion.", "im", days_ago(1)), id="clear"),
        pytest.param(ct(METASTASES, "im", ""), id="undated"),
        pytest.param(ct(METASTASES, "im", days_ago(-5)), id="future"),
        pytest.param(ct(METASTASES, "im", days_ago(1), status="preliminary"), id="not-final"),
        pytest.param(ultrasound("Impression: liver metastases.", "im", days_ago(1)), id="ultrasound"),
        pytest.param(
            report(coded(LOINC, "11526-1"), METASTASES, "im", days_ago(1), category=[coded(V2_REPORTS, "CT")]),
            id="pathology-code-in-a-ct-category",
        ),
    ],
)
def test_only_ct_and_mri_that_show_a_lesion_set_the_time(imaging: Json) -> None:
    assert failed(procedure(date=days_ago(30), statusReason=NOT_SEEN), imaging).state == "yes"


def test_the_first_imaging_that_shows_the_lesion_sets_the_time() -> None:
    attempt = procedure(date=days_ago(30), statusReason=NOT_SEEN)
    assert failed(attempt, ct(METASTASES, "a", days_ago(40)), mri(METASTASES, "b", days_ago(2))).state == "yes"


def test_attempts_are_counted_by_day_and_the_last_is_shown() -> None:
    fact = failed(
        procedure(date=days_ago(9), statusReason=NOT_SEEN),
        procedure(date=days_ago(5), statusReason=NOT_SEEN) | {"id": "pr2"},
        report(US_BIOPSY, FAILED, date=days_ago(5)),
    )
    assert (fact.number, fact.as_of) == (2.0, days_ago(5))


def test_undated_attempts_are_counted_each() -> None:
    fact = failed(procedure(date="", statusReason=NOT_SEEN), procedure(date="", statusReason=NOT_SEEN) | {"id": "pr2"})
    assert (fact.number, fact.as_of) == (2.0, "")


@pytest.mark.parametrize("key", ["procedures", "reports", "observations", "specimens"])
@pytest.mark.parametrize("how", BROKEN)
def test_missing_searches(key: str, how: Completeness) -> None:
    gap = (f"{key}: was {how.value}",)
    assert (failed(searches={key: how}).state, failed(searches={key: how}).gaps) == ("unknown:not-searched", gap)
    kept = failed(procedure(statusReason=NOT_SEEN), searches={key: how})
    assert (kept.state, kept.gaps) == ("yes", gap)
    unsure = failed(procedure(LIVER_BIOPSY, statusReason=NOT_SEEN), searches={key: how})
    assert (unsure.state, unsure.gaps) == ("unknown:indeterminate", gap)


def test_the_pathology_search_does_not_stand_in_for_accounts_of_attempts() -> None:
    case = make_case(searches={"reports": Completeness.INCOMPLETE}, reports_categories_reliable=True)
    assert case.fact("failed_ultrasound_biopsy").state == "unknown:not-searched"
