"""Components in one file: Vue, Svelte, Astro. Their markup is read here, their code by `jsx`, their CSS by `css`."""
