"""What a page must not do: complain, reach out, or execute a text."""


def watch(page, origin, complaints):
    """Add to `complaints` each warning, error, dialog, and request to elsewhere."""
    page.on(
        "console",
        lambda message: (
            message.type in ("error", "warning") and complaints.append(message.text)
        ),
    )
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "request",
        lambda request: (
            request.url.startswith((origin, "data:", "blob:"))
            or complaints.append(f"left the page: {request.url}")
        ),
    )

    def dismiss(dialog):  # else the page waits, and so does the test
        complaints.append(f"executed: {dialog.message}")
        dialog.dismiss()

    page.on("dialog", dismiss)
