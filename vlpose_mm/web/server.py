"""Serve the page with gradio."""

import signal
import threading

from starlette.middleware import Middleware

from vlpose_mm.apis import VLPoseInferencer
from vlpose_mm.web.app import build_page
from vlpose_mm.web.examples import find_examples
from vlpose_mm.web.guard import Guard
from vlpose_mm.web.style import CSS, theme


def serve(
    inferencer: VLPoseInferencer, host: str, port: int, max_upload: int, folder: str
) -> None:
    """Serve the page until the process is interrupted."""
    examples = find_examples()
    page = build_page(inferencer, examples)
    # As Ctrl-C, so that the files are deleted.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # Launched rather than mounted, as gradio checks uploads only then.
    page.launch(
        server_name=host,
        server_port=port,
        max_file_size=max_upload,
        allowed_paths=[path for paths in examples.values() for path in paths],
        prevent_thread_lock=True,
        quiet=True,
        share=False,
        ssr_mode=False,
        mcp_server=False,
        pwa=False,
        enable_monitoring=False,
        run_history=False,
        footer_links=[],
        theme=theme(),
        css=CSS,
        app_kwargs=dict(
            middleware=[Middleware(Guard, folder=folder, max_upload=max_upload)]
        ),
    )
    try:
        print(f'{inferencer.name}: open {page.local_url} (Ctrl-C stops it)', flush=True)
        threading.Event().wait()
    finally:
        page.close(verbose=False)
