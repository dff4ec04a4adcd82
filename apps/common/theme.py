"""One calm look for all pages, light and dark. Every font comes with Gradio: no font service is ever asked."""

from __future__ import annotations

from pathlib import Path

import gradio as gr
from gradio.themes.utils import colors, fonts, sizes

APPS = Path(__file__).parents[1]


def stylesheets() -> list[Path]:
    """The frame of every page, then what single pages add to it."""
    return [APPS / "common" / "theme.css", *sorted(APPS.glob("*.css")), *sorted(APPS.glob("*/page.css"))]


def theme() -> gr.themes.Base:
    """Slate on white, indigo for what can be pressed; hairlines instead of boxes."""
    base = gr.themes.Base(
        primary_hue=colors.indigo,
        secondary_hue=colors.indigo,
        neutral_hue=colors.slate,
        radius_size=sizes.radius_md,
        text_size=sizes.text_md,
        # Gradio's files of weight 600 hold a few dozen glyphs without letters: 400 and 700 are whole.
        font=(
            fonts.LocalFont("IBM Plex Sans", weights=(400, 700)),
            "system-ui",
            fonts.Font("Prisma Emoji"),
            "sans-serif",
        ),
        font_mono=(fonts.LocalFont("IBM Plex Mono", weights=(400, 700)), "ui-monospace", "monospace"),
    )
    return base.set(
        body_background_fill="#fbfbfd",
        body_background_fill_dark="#0e1117",
        body_text_color="*neutral_800",
        body_text_color_dark="*neutral_100",
        body_text_color_subdued="*neutral_500",
        body_text_color_subdued_dark="*neutral_400",
        background_fill_primary="white",
        background_fill_primary_dark="#151a23",
        background_fill_secondary="#f4f5f8",
        background_fill_secondary_dark="#1a202b",
        block_background_fill="transparent",
        block_background_fill_dark="transparent",
        block_border_width="0px",
        block_border_width_dark="0px",
        block_shadow="none",
        block_label_background_fill="transparent",
        block_label_background_fill_dark="transparent",
        block_label_border_width="0px",
        block_label_text_color="*neutral_600",
        block_label_text_color_dark="*neutral_300",
        block_title_background_fill="transparent",
        block_title_background_fill_dark="transparent",
        block_title_padding="0px",
        block_title_text_color="*neutral_600",
        block_title_text_color_dark="*neutral_300",
        block_title_text_weight="600",
        block_padding="0px",
        border_color_primary="*neutral_200",
        border_color_primary_dark="#2a3342",
        input_background_fill="white",
        input_background_fill_dark="#151a23",
        input_border_width="1px",
        input_border_color="*neutral_200",
        input_border_color_dark="#2a3342",
        input_shadow="none",
        button_border_width="1px",
        button_secondary_background_fill="white",
        button_secondary_background_fill_dark="#1a202b",
        button_secondary_background_fill_hover="*neutral_100",
        button_secondary_background_fill_hover_dark="#222a37",
        button_secondary_border_color="*neutral_200",
        button_secondary_border_color_dark="#2a3342",
        button_secondary_text_color="*neutral_700",
        button_secondary_text_color_dark="*neutral_200",
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_hover="*primary_700",
        button_primary_text_color="white",
        button_small_padding="6px 12px",
        layout_gap="20px",
        form_gap_width="0px",
    )
