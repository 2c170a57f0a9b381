from moderation.cli.show import shown


def test_text_from_outside_cannot_colour_or_steer_a_terminal() -> None:
    assert shown("[red]x[/red]") == r"\[red]x\[/red]"
    assert not set(shown("a\x1b[2Jb\x07\u202e")) & {"\x1b", "\x07", "\u202e"}
    assert shown(None) == ""
