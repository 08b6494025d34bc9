/** The version that this page was built from; Vite puts it in. */
declare const __VERSION__: string
