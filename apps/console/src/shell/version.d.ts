/** The version of this page. Vite inserts it. */
declare const __VERSION__: string
