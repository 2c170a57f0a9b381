"""The web app: the JSON API below /api/v1, the login page, and the console's pages.

console.py and console_comment.py are the moderators' pages; static/ has their scripts, modules that the browser loads as they are:

    app.js       on every page: keys.js (a key presses the button that has data-key), comfort.js, shift.js, say.js (messages)
    queue.js     the list; live.js hears /api/v1/events, and the list is read again and merged
    comment.js   one comment; lease.js its time, decide.js decisions and what conflicts mean

app.py puts it together from Parts (parts.py), which bootstrap wires. A request passes security.py (size, same origin, headers),
then a route. A route says what it needs as an argument:

    who: Annotated[Principal, needs(Capability.DECIDE)]     access.py: 401 or 403 otherwise; checks CSRF on changes by cookie
    parts: Annotated[Parts, wired]                          queue, journal, login, scoring, hub, metrics

**To add a page:** a router in a module of its own, listed in app.py below `PAGES`:

    pages = APIRouter(include_in_schema=False)

    @pages.get("/queue")
    async def queue(request: Request, who: Annotated[Principal, needs(Capability.READ)], parts: Annotated[Parts, wired]) -> Response:
        return page(request, "queue.html", who=who, waiting=await parts.queue.peek(20))

`page` (pages.py) renders templates/NAME with `who`, `csrf` and `static("name.js")`; autoescape is on, undefined names are errors.
A browser that is not logged in is sent to /login and back. A form that changes something has
<input type="hidden" name="csrf" value="{{ csrf }}">; JavaScript sends the header X-CSRF-Token, read from <meta name="csrf" content="{{ csrf }}">.

The Content-Security-Policy (security.py) allows scripts, styles, images and connections from this address only: no inline script, no
inline style, no style attribute, no event attribute. Files below static/ are served under /static/DIGEST (assets.py), so that they can be kept for ever.

Events: GET /api/v1/events (events.py). Errors below /api are problem+json; for pages problem.html is rendered (problems.py).
"""
