"""A figure as one inline SVG, right on light, dark and printed pages.

Ink becomes the page's text colour, and the colours that `lmviz.plots` exports become
the page's colours of the same role. Text stays text, in the page's font. The cells of a
matrix are a small picture that masks a rectangle in the colour of their role.
"""

import base64
import hashlib
import io
import re
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_svg import RendererSVG
from matplotlib.colors import to_hex
from PIL import Image

from lmviz.plots import COLORS

INK = COLORS["ink"]
ROLES = {hue: f"var(--{role},{hue})" for role, hue in COLORS.items()}
ROLES[INK] = "currentColor"
# More cells than this in a row or column cannot be told apart; of so many, only a
# general impression is seen.
MOST_CELLS = 300
SHADES, FEW_SHADES = 64, 8
# What XML forbids.
FORBIDDEN = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
REFERENCE = re.compile(r"url\(#([^)]+)\)|^#(.+)")
NAME = re.compile(r'(#|id=")(\w+)(?=["\)])')
LONG_NUMBER = re.compile(r"-?\d+\.\d{3,}(?:e-?\d+)?")
# A tick of a logarithmic axis, whose exponent matplotlib would draw too small.
POWER = re.compile(r"\$\\mathdefault\{([\d.]+)(?:\^\{(-?\d+)\})?\}\$")
RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
NEEDLESS = {"stroke-linejoin": "round", "stroke-linecap": "butt", "opacity": "1"}


class Renderer(RendererSVG):
    """Draw cells as pictures with one pixel a cell, and powers as plain text."""

    def draw_text(self, gc, x, y, s, prop, angle, ismath=False, mtext=None):
        if power := POWER.fullmatch(s):
            s, ismath = power[1] + (power[2] or "").translate(RAISED), False
        super().draw_text(gc, x, y, s, prop, angle, ismath, mtext)

    def draw_quad_mesh(self, gc, transform, width, height, coordinates, *others):
        colours = others[2]
        corners = transform.transform(coordinates[[0, -1], [0, -1]])
        self.draw_cells(gc, np.reshape(colours, (height, width, 4)), *corners)

    def draw_image(self, gc, x, y, im, transform=None):
        height, width = im.shape[:2]
        corners = np.array([(0, 0), (width, height)]) * 72 / self.image_dpi
        if transform is not None:
            corners = transform.frozen().transform([(0, 0), (1, 1)])
        first, last = corners + np.array([x, y])
        self.draw_cells(gc, im / 255, first, last)

    def draw_cells(self, gc, cells, first, last):
        """Draw RGBA cells, given the outer corners of the first and the last one.

        A colour map of `lmviz.plots` has one or two colours, and shows a number by
        their opacity.
        """
        (x0, y0), (x1, y1) = first, last
        # The first row of a picture is at its top.
        cells = cells[:: 1 if y0 > y1 else -1, :: 1 if x0 < x1 else -1]
        numbers = min(x0, x1), self.height - max(y0, y1), abs(x1 - x0), abs(y1 - y0)
        names = ("x", "y", "width", "height")
        where = {name: f"{n:.2f}" for name, n in zip(names, numbers, strict=True)}
        alpha = cells[..., 3]
        colours = np.unique(cells[alpha > 0][:, :3], axis=0)
        self.writer.start("g", **self._get_clip_attrs(gc))
        if len(colours) > 2:
            self.draw_picture(np.round(255 * cells).astype(np.uint8), where)
        for colour in colours if len(colours) <= 2 else ():
            here = np.isclose(cells[..., :3], colour).all(-1)
            shades = np.round(np.where(here, alpha, 0) * 255).astype(np.uint8)
            name = self._make_id("cells", f"{where}{shades.tobytes()}")
            self.writer.start("mask", id=name)
            self.draw_picture(shades, where)
            self.writer.end("mask")
            style = f"fill: {to_hex(colour)}"
            self.writer.element("rect", **where, style=style, mask=f"url(#{name})")
        self.writer.end("g")

    def draw_picture(self, pixels, where):
        picture = Image.fromarray(pixels)
        size = tuple(min(n, MOST_CELLS) for n in picture.size)
        sharp = {"style": "image-rendering: pixelated"}
        if size != picture.size:
            picture, sharp = picture.resize(size, Image.Resampling.BOX), {}
        if pixels.ndim == 2:
            picture = in_shades(picture, SHADES if sharp else FEW_SHADES)
        data = io.BytesIO()
        picture.save(data, "png", optimize=True)
        href = f"data:image/png;base64,{base64.b64encode(data.getvalue()).decode()}"
        fill = {"preserveAspectRatio": "none", "href": href}
        self.writer.element("image", **where, **fill, **sharp)


def in_shades(picture, n):
    """Return a grey picture with only n shades, which takes fewer bytes."""
    step = 255 / (n - 1)
    picture = picture.point([round(shade / step) for shade in range(256)])
    picture = picture.convert("P")
    picture.putpalette([round(i * step) for i in range(n) for _ in range(3)])
    return picture


def draw(figure):
    """Return a figure as the root of an SVG, without the blank above and below it."""
    out, dpi = io.StringIO(), figure.dpi
    for patch in (figure.patch, *(ax.patch for ax in figure.axes)):
        patch.set_visible(False)
    # The units of an SVG are points.
    figure.set_dpi(72)
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "lmviz"}):
        renderer = Renderer(*figure.bbox.size, out)
        figure.draw(renderer)
        renderer.finalize()
    (_, low), (_, high) = 72 * figure.get_tightbbox(renderer).get_points()
    figure.set_dpi(dpi)
    drawn = FORBIDDEN.sub("\ufffd", out.getvalue()).encode()
    root = ElementTree.fromstring(drawn)  # noqa: S314 (made here)
    low, high = max(0, low - 2), min(renderer.height, high + 2)
    top = renderer.height - high
    root.set("viewBox", f"0 {top:.2f} {renderer.width:.2f} {high - low:.2f}")
    return root


def to_svg(figure, alt):
    """Return the markup of a figure for a page, and its smallest text in CSS pixels."""
    root = draw(figure)
    references = {
        "".join(found)
        for element in root.iter()
        for value in element.attrib.values()
        for found in REFERENCE.findall(value)
    }
    for element in list(root.iter()):
        tidy(element, references)
    view, scale = root.get("viewBox"), figure.dpi / 72
    width, height = (scale * float(side) for side in view.split()[2:])
    sizes = [float(e.get("font-size")) for e in root.iter() if e.get("font-size")]
    least = scale * min(sizes, default=12 / scale)
    root.attrib.clear()
    root.attrib |= {
        "viewBox": view,
        "role": "img",
        "aria-label": alt,
        "stroke-linejoin": "round",
        # Text shrinks to 11 pixels on a phone, and no further.
        "style": f"--w:{width:.0f}px;--least:{min(1, 11 / least) * width:.0f}px",
        "width": f"{width:.0f}",
        "height": f"{height:.0f}",
    }
    markup = ElementTree.tostring(root, encoding="unicode")
    # Several figures of a page must not share ids.
    digest = hashlib.sha256(markup.encode()).hexdigest()[:8]
    names = {n: f"f{digest}-{i}" for i, n in enumerate(sorted(references))}
    markup = NAME.sub(lambda found: found[1] + names.get(found[2], found[2]), markup)
    return markup, least


def tidy(element, references):
    """Leave of an element what a page needs, with the page's colours and font."""
    for child in list(element):
        tag = child.tag.rpartition("}")[2]
        styles = child.find("{*}style") is not None
        if tag in {"metadata", "style"} or (tag == "defs" and styles):
            element.remove(child)
    element.tag = element.tag.rpartition("}")[2]
    element.tail = None
    if element.tag not in {"text", "tspan"} or len(element):
        element.text = None  # white space
    attributes, before = element.attrib, dict(element.attrib)
    attributes.clear()
    for name, value in before.items():
        name = name.rpartition("}")[2]
        if name == "style":
            attributes |= presentation(value, element.tag)
        elif name == "transform" and value.startswith("rotate(-0 "):
            continue
        elif name != "id" or value in references:
            attributes[name] = LONG_NUMBER.sub(rounded, value)
    if element.tag == "text" and "style" in before:
        attributes.setdefault("fill", ROLES["#000000"])
    unwrap(element)


def unwrap(element):
    """Put the children of groups that say nothing in the place of these."""
    for child in list(element):
        if child.tag.endswith("}g") and not set(child.attrib) - {"id"}:
            unwrap(child)
            place = list(element).index(child)
            element[place : place + 1] = list(child)


def presentation(style, tag):
    """Return the declarations of a style as attributes, in the page's colours."""
    declared = dict(
        map(str.strip, part.split(":", 1)) for part in style.split(";") if ":" in part
    )
    if declared.get("image-rendering"):
        return {"style": style.replace(" ", "")}
    for part in ("fill", "stroke"):
        if part in declared:
            colour, opacity = on_page(declared[part])
            declared[part] = colour
            if opacity < 1:
                name = f"{part}-opacity"
                declared[name] = f"{opacity * float(declared.get(name, 1)):.2f}"
    family = declared.pop("font-family", "")
    if "mono" in family.partition(",")[0].lower():
        declared["font-family"] = "var(--mono,monospace)"
    return {
        name: LONG_NUMBER.sub(rounded, value.removesuffix("px"))
        for name, value in declared.items()
        if NEEDLESS.get(name) != value
    }


def on_page(colour):
    """Return what a colour is on a page: a role's, or ink with an opacity for greys."""
    if not colour.startswith("#"):
        return colour, 1
    if colour in ROLES:
        return ROLES[colour], 1
    red, green, blue = bytes.fromhex(colour[1:])
    if red == green == blue:
        return "currentColor", min(1, (255 - red) / (255 - 0x20))
    return colour, 1


def rounded(number):
    return f"{float(number[0]):.2f}".rstrip("0").rstrip(".")
