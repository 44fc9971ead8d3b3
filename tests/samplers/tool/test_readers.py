"""Each reader: from text to records, whatever stands around and between."""

from __future__ import annotations

import pytest

from pytest_sixdim.samplers.tool.csv_table import read_csv
from pytest_sixdim.samplers.tool.json_tree import KEY, read_json
from pytest_sixdim.samplers.tool.key_value import read_key_values
from pytest_sixdim.samplers.tool.unit_table import read_table
from pytest_sixdim.samplers.tool.units import Cell
from pytest_sixdim.samplers.tool.words import read_words


class TestCsv:
    def test_columns_are_known_by_their_header(self) -> None:
        records = read_csv("power [W], index\n5, 0\n6, 1\n", (), {"index"})
        assert records == [
            {"power": Cell("5", "W"), "index": Cell("0")},
            {"power": Cell("6", "W"), "index": Cell("1")},
        ]

    def test_lines_before_the_header_and_rows_of_another_width_are_left_out(self) -> None:
        text = "WARNING: infoROM is corrupted, at 0\n1, 2\nindex, power\n0, 5\n0, 5, 6\nend\n"
        assert read_csv(text, (), {"index"}) == [{"index": Cell("0"), "power": Cell("5")}]

    def test_header_may_come_again(self) -> None:
        text = "index, power\n0, 5\npower, index\n6, 1\n"
        assert [record["power"].text for record in read_csv(text, (), {"index"})] == ["5", "6"]

    def test_given_header_counts_where_none_is_printed(self) -> None:
        assert read_csv("0, 5\n", ("index", "power (W)"), {"index"}) == [{"index": Cell("0"), "power": Cell("5", "W")}]

    def test_without_any_header_nothing_is_guessed(self) -> None:
        assert read_csv("0, 5\n1, 6\n", (), {"index"}) == []

    def test_cell_with_a_comma_in_quotes(self) -> None:
        assert read_csv('index,name\n0,"Acme, Inc. A1"\n', (), {"index"})[0]["name"] == Cell("Acme, Inc. A1")

    def test_stray_quote_swallows_no_other_card(self) -> None:
        records = read_csv('index,name\n0,"broken\n1,whole\n', (), {"index"})
        assert [record["index"].text for record in records] == ["0", "1"]

    def test_cells_parted_by_spaces(self) -> None:
        assert read_csv("HCU   Temp\n0     55.0C\n", (), {"hcu"}, "space") == [
            {"hcu": Cell("0"), "temp": Cell("55.0C")}
        ]


class TestJson:
    def test_list_with_values_and_units_beside_them(self) -> None:
        text = '[{"gpu": 1, "power": {"socket": {"value": 142, "unit": "W"}, "cap (W)": 300}}]'
        assert read_json(text, ()) == [
            {"gpu": Cell("1"), "power/socket": Cell("142", "W"), "power/cap": Cell("300", "W")}
        ]

    @pytest.mark.parametrize(
        "text", ['[{"gpu": 1}]', '{"gpu_data": [{"gpu": 1}]}', 'WARNING: x\n[x]\n{"gpu_data": [{"gpu": 1}]}']
    )
    def test_wrapped_or_not_and_after_warnings(self, text: str) -> None:
        assert read_json(text, ("gpu_data",)) == [{"gpu": Cell("1")}]

    def test_mapping_of_cards_by_key(self) -> None:
        text = '{"card0": {"W": 1}, "card10": {"W": 2}, "system": {"W": 3}}'
        assert read_json(text, (), r"card(\d+)") == [
            {KEY: Cell("0"), "w": Cell("1")},
            {KEY: Cell("10"), "w": Cell("2")},
        ]

    def test_mapping_of_cards_within_another(self) -> None:
        assert read_json('{"cards": {"card3": {"a": 1}}}', ("cards",), r"card(\d+)") == [
            {KEY: Cell("3"), "a": Cell("1")}
        ]

    def test_null_booleans_and_not_a_number_are_no_values(self) -> None:
        record = read_json('[{"a": null, "b": true, "c": NaN, "d": [1, {"e": 2}]}]', ())[0]
        assert record == {"a": Cell(""), "b": Cell(""), "c": Cell("nan"), "d/0": Cell("1"), "d/1/e": Cell("2")}

    @pytest.mark.parametrize("text", ["", "{", "[1, 2]", '"text"', "{}", "[]", '[{"a": 1}', "[" * 100_000])
    def test_what_holds_no_card(self, text: str) -> None:
        assert read_json(text, ()) == []


class TestKeyValues:
    def test_order_within_a_block_does_not_count(self) -> None:
        before = "Chip ID : 0\nPower(W) : 103.5\n"
        after = "Power(W)  : 103.5\n\nChip ID   : 0\n"
        assert (
            read_key_values(before) == read_key_values(after) == [{"chip id": Cell("0"), "power": Cell("103.5", "W")}]
        )

    def test_blocks_begin_by_a_pattern_and_what_stands_before_is_nobodys(self) -> None:
        text = "Power : 1 W\n--- DEV ID 4 ---\n Power : 2 W\nDEV ID 5\nPower: N/A\n"
        assert read_key_values(text, r"DEV ID (?P<index>\d+)") == [
            {"index": Cell("4"), "power": Cell("2 W")},
            {"index": Cell("5"), "power": Cell("N/A")},
        ]

    def test_label_that_comes_twice_with_different_values_is_nobodys(self) -> None:
        text = "Power : 1 W\nTemp : 3 C\nPower : 2 W\nTemp : 3 C\n"
        assert read_key_values(text) == [{"temp": Cell("3 C")}]

    def test_value_may_hold_colons(self) -> None:
        assert read_key_values("PCIe Bus Info : 0000:66:00.0\n") == [{"pcie bus info": Cell("0000:66:00.0")}]


class TestWords:
    def test_quoted_words_hold_spaces(self) -> None:
        assert read_words('0 "P800 OAM" 86\n', 3) == [{"0": Cell("0"), "1": Cell("P800 OAM"), "2": Cell("86")}]

    def test_lines_of_another_length_or_with_an_open_quote_are_left_out(self) -> None:
        assert read_words('a b c d\na b\n"a b c\na b c\n', 3) == [{"0": Cell("a"), "1": Cell("b"), "2": Cell("c")}]


class TestTable:
    def test_values_are_known_by_unit_wherever_they_stand(self) -> None:
        rows = "| 3   Acme A1 | 12 % |\n| 810/65536 MiB | 31C | 44.5W / 300W |\n"
        moved = "| 3   Acme A1 | 12 % |\n| 44.5 W/ 300 W   31C | 810 MiB / 65536 MiB |\n"
        assert read_table(rows, utilization="first") == read_table(moved, utilization="first")
        assert read_table(rows, utilization="first") == [
            {
                "index": Cell("3"),
                "name": Cell("Acme A1"),
                "utilization": Cell("12", "%"),
                "memory": Cell("810", "MiB"),
                "memory_total": Cell("65536", "MiB"),
                "power": Cell("44.5", "W"),
                "power_limit": Cell("300", "W"),
                "temperature": Cell("31", "C"),
            }
        ]

    def test_utilization_is_taken_from_the_row_that_has_it(self) -> None:
        rows = "| 0   A1 | 1% |\n| 5% fan 31C | 1MiB / 2MiB | 77%  Default |\n"
        assert read_table(rows, utilization="second")[0]["utilization"] == Cell("77", "%")
        assert "utilization" not in read_table(rows)[0]

    def test_second_row_may_come_lines_later_and_a_first_row_alone_is_no_card(self) -> None:
        rows = "| 0   A1 |\n|----|\n| 1MiB / 2MiB |\n| 1   A1 |\n| 2   A1 |\n| 3MiB / 4MiB |\n|  0   123  python |\n"
        assert [(record["index"].text, record["memory"].text) for record in read_table(rows)] == [
            ("0", "1"),
            ("2", "3"),
        ]

    def test_no_power_is_no_value(self) -> None:
        assert read_table("| 0  A1 |\n| N/A / N/A | 1MiB / 2MiB |\n")[0]["power"] == Cell("")
