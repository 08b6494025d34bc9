// Sets the color scheme before the first paint: the stored choice, or the system's preference.
const chosen = localStorage.getItem('mantine-color-scheme-value')
const system = matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light'
document.documentElement.dataset.mantineColorScheme =
  chosen === 'dark' || chosen === 'light' ? chosen : system
