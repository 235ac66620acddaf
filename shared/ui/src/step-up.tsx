import { Modal } from '@mantine/core'
import { ApiProblem, CancelledProblem } from '@nora/client/problem'
import {
  type ComponentType,
  createContext,
  type ReactNode,
  Suspense,
  useCallback,
  useContext,
  useLayoutEffect,
  useRef,
  useState,
} from 'react'
import { LoadingRows } from './query-view.tsx'

/** Resolves when the person has confirmed who they are, rejects with CancelledProblem when they would not. */
type Ask = (refusal: ApiProblem) => Promise<void>
const AskContext = createContext<Ask | undefined>(undefined)

/**
 * Gives the function that does what may need the password again: `await withStepUp(() => unwrap(api.POST(...)))`. When the api
 * answers `step-up-required`, the person is asked to confirm who they are, and it is done again; whoever cancels gets the
 * refusal as a CancelledProblem, which `ProblemAlert` and `failed` keep quiet about.
 */
export function useWithStepUp(): <T>(run: () => Promise<T>) => Promise<T> {
  const ask = useContext(AskContext)
  return useCallback(
    async (run) => {
      try {
        return await run()
      } catch (error) {
        if (!ask || !(error instanceof ApiProblem) || !asksForStepUp.has(error.code)) throw error
        await ask(error)
        return run()
      }
    },
    [ask],
  )
}

const asksForStepUp = new Set(['step-up-required', 'password-required', 'passkey-required'])

type Waiting = { refusal: ApiProblem; done: () => void; refused: (error: CancelledProblem) => void }

/** The ways in which an app has people confirm who they are. */
export type Ways = ComponentType<{ onConfirmed: () => void; onCancel: () => void }>

/** Holds the one dialogue in which people confirm who they are, for everything below it. `ways` may be loaded late. */
export function StepUpProvider({ ways: Ways, children }: { ways: Ways; children: ReactNode }) {
  const [opened, setOpened] = useState(false)
  const waiting = useRef<Waiting[]>([])
  const end = useCallback((confirmed: boolean) => {
    setOpened(false)
    for (const { refusal, done, refused } of waiting.current.splice(0))
      if (confirmed) done()
      else refused(new CancelledProblem(refusal.problem))
  }, [])
  const ask = useCallback<Ask>(
    (refusal) =>
      new Promise((done, refused) => {
        waiting.current.push({ refusal, done, refused })
        setOpened(true)
      }),
    [],
  )
  useLayoutEffect(() => {
    // The dialogue may stand above another one, which Escape would close as well: this listener is there before theirs.
    const onKey = (event: KeyboardEvent) => {
      if (event.key !== 'Escape' || event.isComposing || waiting.current.length === 0) return
      event.stopImmediatePropagation()
      end(false)
    }
    window.addEventListener('keydown', onKey, { capture: true })
    return () => window.removeEventListener('keydown', onKey, { capture: true })
  }, [end])
  return (
    <AskContext value={ask}>
      {children}
      <Modal
        opened={opened}
        onClose={() => end(false)}
        title="Confirm that it is you"
        centered
        zIndex={300}
        closeOnEscape={false}
        closeOnClickOutside={false}
      >
        <Suspense fallback={<LoadingRows rows={2} />}>
          <Ways onConfirmed={() => end(true)} onCancel={() => end(false)} />
        </Suspense>
      </Modal>
    </AskContext>
  )
}
