import '@mantine/core/styles.css'
import '@mantine/notifications/styles.css'
import './base.css'
import { MantineProvider } from '@mantine/core'
import { Notifications } from '@mantine/notifications'
import { ApiProblem } from '@nora/client/problem'
import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { type ReactNode, StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { markStyles, styleNonce } from './lib/style-nonce.ts'
import { readableColors, themeFor } from './lib/theme.ts'

/** Answers are kept while somebody looks; the event stream says when one is old. */
export const newQueryClient = (): QueryClient =>
  new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 30_000,
        retry: (failures, error) => failures < 2 && mayPass(error),
        retryDelay: (attempt) => Math.min(500 * 2 ** attempt, 5_000),
      },
      mutations: { retry: false },
    },
  })

/** Only what was nobody's fault is worth asking again by itself. */
const mayPass = (error: unknown) =>
  error instanceof ApiProblem && (error.status === 0 || error.status === 503 || error.status === 502)

/** Puts an app on the page, with the look, the cache of answers and the toasts that both apps share. */
export function showApp(app: 'console' | 'admin', queries: QueryClient, content: ReactNode): void {
  markStyles()
  createRoot(document.getElementById('root')!).render(
    <StrictMode>
      <MantineProvider
        theme={themeFor(app)}
        cssVariablesResolver={readableColors}
        defaultColorScheme="auto"
        {...(styleNonce === '' ? {} : { getStyleNonce: () => styleNonce })}
      >
        <QueryClientProvider client={queries}>
          <Notifications position="bottom-right" limit={4} containerWidth={420} />
          {content}
        </QueryClientProvider>
      </MantineProvider>
    </StrictMode>,
  )
}
