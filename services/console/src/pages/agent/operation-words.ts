type Words = { title: string; done: string }

const words: Record<string, Words> = {
  provision: { title: 'Setting up', done: 'Set up' },
  start: { title: 'Starting', done: 'Started' },
  stop: { title: 'Stopping', done: 'Stopped' },
  restart: { title: 'Restarting', done: 'Restarted' },
  redeploy: { title: 'Redeploying', done: 'Redeployed' },
  delete: { title: 'Deleting', done: 'Deleted' },
  'sync-keys': { title: 'Delivering keys', done: 'Keys delivered' },
  reconcile: { title: 'Putting it right', done: 'Looked at and put right' },
}

/** An operation's kind as people read it, while it goes on and when it is over; an unknown one by its own name. */
export const operationWords = (kind: string): Words => words[kind] ?? { title: kind, done: kind }

type Status = 'queued' | 'running' | 'succeeded' | 'failed' | 'cancelled'

/** "Restarted", "Restarting failed", "Restarting was cancelled". */
export function outcomeWords({ kind, status }: { kind: string; status: Status }): string {
  const { title, done } = operationWords(kind)
  switch (status) {
    case 'succeeded':
      return done
    case 'failed':
      return `${title} failed`
    case 'cancelled':
      return `${title} was cancelled`
    case 'queued':
      return `${title}: waiting`
    case 'running':
      return `${title}: at work`
  }
}
