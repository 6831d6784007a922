"""Components in one file: Vue, Svelte and Astro. Their own markup is read here, their code by `jsx`, their CSS by `css`."""
