"""What a view says, without the marks that keep the words of tokens apart."""


def plain(text):
    return text.replace("\u2068", "").replace("\u2069", "")


def said(page, nth=0):
    return plain(page.locator("output.say").nth(nth).inner_text())
