"""Excel templates of ``POST /schema``: real workbooks, filled from real documents through HTTP."""

from __future__ import annotations

import base64
import datetime
import io
import json
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook
from openpyxl.styles import Font
from openpyxl.worksheet.table import Table

from engine.server.machine import REPORT, Running

LETTER = b'Invoice number: 0047\nInvoice date: 3 March 2026\nTotal: 1.234,50 EUR\nRemark: =HYPERLINK("http://x")\n'


def template(*rows: list[Any], title: str = "Data", **cells: Any) -> Workbook:
    workbook = Workbook()
    sheet = workbook.active
    assert sheet is not None
    sheet.title = title
    for row in rows:
        sheet.append(row)
    for place, value in cells.items():
        sheet[place] = value
    return workbook


def encoded(workbook: Workbook) -> str:
    data = io.BytesIO()
    workbook.save(data)
    return base64.b64encode(data.getvalue()).decode()


def schema(engine: Running, document: bytes, name: str, excel_template: str, **more: Any) -> Any:
    extraction_id = engine.extract(document, name).json()["extraction_id"]
    config = {"excel_template": excel_template, **more}
    return engine.http.post("/schema", json={"extraction_id": extraction_id, "schema_config": config})


def filled(engine: Running, answer: dict[str, Any]) -> Workbook:
    assert answer["excel_output_url"] == f"/schema/{answer['schema_id']}/excel"
    download = engine.http.get(answer["excel_output_url"])
    assert download.status_code == 200
    assert download.headers["content-type"].startswith("application/vnd.openxmlformats-officedocument")
    return load_workbook(io.BytesIO(download.content))


def values(workbook: Workbook, title: str = "Data") -> list[list[Any]]:
    return [list(row) for row in workbook[title].iter_rows(values_only=True)]


def test_a_templates_headers_are_the_schema_and_its_copy_is_filled(shared: Running) -> None:
    workbook = template(["Costs of the year"], [], ["Item", "Actual (EUR)", "Telephone", "Berth master"])
    sheet = workbook["Data"]
    sheet["A4"].font = Font(bold=True)
    sheet["B20"] = "=SUM(B4:B19)"
    answer = schema(shared, REPORT.read_bytes(), "report.pdf", encoded(workbook)).json()
    rows = answer["schema_output"]["values"]["Data"]
    assert [row["Item"] for row in rows] == ["Dredging", "Crane repairs", "Lighting"]
    assert answer["schema_output"]["citations"]["Data"][0]["Item"][0]["page"] == 3
    assert answer["schema_output"]["citations"]["Data"][0]["Telephone"][0]["page"] == 4
    copy = filled(shared, answer)
    assert values(copy)[:6] == [
        ["Costs of the year", None, None, None],
        [None] * 4,
        ["Item", "Actual (EUR)", "Telephone", "Berth master"],
        ["Dredging", 1312400, "555 0142", None],
        ["Crane repairs", 355150, "555 0142", None],
        ["Lighting", 97310, "555 0142", None],
    ]
    assert copy["Data"]["B20"].value == "=SUM(B4:B19)"
    assert copy["Data"]["A6"].font.bold


def test_labelled_values_make_one_row_of_the_types_that_the_template_has(shared: Running) -> None:
    workbook = template(["Invoice number", "Invoice date", "Total", "Remark"])
    sheet = workbook["Data"]
    sheet["B2"].number_format = "yyyy-mm-dd"
    sheet["C2"].number_format = "#,##0.00"
    copy = filled(shared, schema(shared, LETTER, "letter.txt", encoded(workbook)).json())
    assert values(copy)[1:] == [["0047", datetime.datetime(2026, 3, 3), 1234.5, '=HYPERLINK("http://x")']]  # noqa: DTZ001 - no zone in a workbook
    assert copy["Data"]["D2"].data_type == "s", "a document's text must not become a formula"


def test_an_excel_table_grows_and_what_is_in_the_way_stays_and_is_said(shared: Running) -> None:
    workbook = template(["Item", "Budget (EUR)"], A3="Sum")
    workbook["Data"].add_table(Table(displayName="Costs", ref="A1:B2"))
    answer = schema(shared, REPORT.read_bytes(), "report.pdf", encoded(workbook)).json()
    copy = filled(shared, answer)
    assert [row[0] for row in values(copy)] == ["Item", "Dredging", "Sum", "Crane repairs", "Lighting"]
    assert copy["Data"].tables["Costs"].ref == "A1:B5"
    assert any("row 3" in warning for warning in answer["warnings"])


def test_pipelines_fill_templates_too_and_delete_them_when_told(shared: Running) -> None:
    steps = {"extract": {}, "schema": {"excel_template": encoded(template(["Item", "Budget (EUR)"]))}}
    files = {"file": ("report.pdf", REPORT.read_bytes())}
    form = {"steps": json.dumps(steps)}
    answer = shared.http.post("/pipeline/execute", files=files, data=form).json()["results"]["schema"]
    assert len(values(filled(shared, answer))) == 4
    form["auto_delete"] = "true"
    answer = shared.http.post("/pipeline/execute", files=files, data=form).json()["results"]["schema"]
    assert "excel_output_url" not in answer
    assert shared.http.get(f"/schema/{answer['schema_id']}/excel").status_code == 404


@pytest.mark.parametrize(
    ("sent", "more", "message"),
    [
        ("no base64!", {}, "base64"),
        (base64.b64encode(b"PK no workbook").decode(), {}, "damaged"),
        (encoded(template()), {}, "column headers"),
        (encoded(template(["A", "B"])), {"input_schema": {"type": "object"}}, "either"),
        ("A" * (4 * 1024 * 1024 + 4), {}, "larger"),
    ],
    ids=["no base64", "no workbook", "no headers", "two ways", "too large"],
)
def test_a_template_that_cannot_be_used_says_why(shared: Running, sent: str, more: Any, message: str) -> None:
    answer = schema(shared, b"x", "x.txt", sent, **more)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "REQ_003"
    assert message in answer.json()["error"]["message"]


def test_a_schema_run_without_a_template_has_no_workbook(shared: Running) -> None:
    extraction_id = shared.extract(b"Total: 5 EUR").json()["extraction_id"]
    config = {"input_schema": {"type": "object", "properties": {"total": {"type": "number"}}}}
    body = {"extraction_id": extraction_id, "schema_config": config}
    schema_id = shared.http.post("/schema", json=body).json()["schema_id"]
    assert shared.http.get(f"/schema/{schema_id}/excel").status_code == 404
