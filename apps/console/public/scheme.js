// Before anything is drawn: light or dark, as somebody chose here, else as the system has it.
const chosen = localStorage.getItem('mantine-color-scheme-value')
const system = matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light'
document.documentElement.dataset.mantineColorScheme =
  chosen === 'dark' || chosen === 'light' ? chosen : system
