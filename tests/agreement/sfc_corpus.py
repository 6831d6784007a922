"""Components of Vue, Svelte and Astro to compare on: those that npm packages under the MIT License ship as sources.

They are fetched when the check runs and stay in the user's cache.
"""

from __future__ import annotations

import tarfile

from tests.agreement.jsx_corpus import MAX_FILE, tarball

PACKAGES = {
    "vue": (
        "reka-ui@2.11.0",
        "primevue@4.5.5",
        "flowbite-vue@0.2.2",
        "@nuxt/ui@4.11.2",
        "vitepress@1.6.4",
        "vue-sonner@2.0.9",
        "create-vue@3.22.3",
    ),
    "svelte": (
        "flowbite-svelte@1.33.1",
        "@skeletonlabs/skeleton-svelte@5.0.1",
        "bits-ui@2.21.0",
        "@sveltestrap/sveltestrap@7.1.0",
        "svelma@0.4.5",
        "layerchart@2.5.0",
        "attractions@3.7.2",
        "svelte-sonner@1.2.1",
    ),
    "astro": (
        "@astrojs/starlight@0.42.4",
        "accessible-astro-components@5.8.0",
        "astro-seo@1.2.0",
        "starlight-blog@0.30.0",
        "astro-iconify@1.3.1",
        "astro@7.3.5",
    ),
}


def real(framework: str) -> dict[str, str]:
    """The components of a framework by name; each once."""
    found: dict[str, str] = {}
    seen: set[str] = set()
    for package in PACKAGES[framework]:
        with tarfile.open(tarball(package)) as archive:
            for member in archive:
                stream = archive.extractfile(member) if member.name.endswith(f".{framework}") else None
                if stream is None:
                    continue
                code = stream.read().decode("utf-8", "replace").replace("\r\n", "\n")
                if code not in seen and len(code) <= MAX_FILE:
                    seen.add(code)
                    found[f"{package} {member.name.removeprefix('package/')}"] = code
    return found
