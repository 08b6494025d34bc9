import '@mantine/core/styles.css'
import './design/tokens.css'
import './console.css'
import { MantineProvider } from '@mantine/core'
import { QueryClientProvider } from '@tanstack/react-query'
import { RouterProvider } from '@tanstack/react-router'
import { type ReactNode, StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { queryClient } from './client.ts'
import { router } from './router.tsx'
import { retried } from './shell/screen/lazy-part.ts'
import { theme } from './theme.ts'

/** The nonce for styles of components. The content security policy allows no others. */
const nonce = document.querySelector<HTMLMetaElement>('meta[name="style-nonce"]')!.content
// The scroll lock of dialogs reads the nonce from here.
Object.assign(globalThis, { __webpack_nonce__: nonce })

const root = createRoot(document.getElementById('root')!)

const render = (page: ReactNode) =>
  root.render(
    <StrictMode>
      <MantineProvider theme={theme} defaultColorScheme="auto" getStyleNonce={() => nonce}>
        <QueryClientProvider client={queryClient}>{page}</QueryClientProvider>
      </MantineProvider>
    </StrictMode>,
  )

// Readers of a link have no account: they get one page, without the frame of the console.
if (location.pathname.startsWith('/shared/')) {
  void retried(() => import('./shared/page.tsx'))().then(({ SharedPage }) => render(<SharedPage />))
} else {
  render(<RouterProvider router={router} />)
}
