import { image } from './image.ts'
import type { Runtime } from './runtime.ts'
import { starter } from './starter.ts'

const runtimes: ReadonlyMap<string, Runtime> = new Map([starter, image].map((one) => [one.name, one]))

/** The runtimes an agent may have, in the order people see them. */
export const runtimeNames: readonly string[] = [...runtimes.keys()]

/** The runtime of that name, or undefined. */
export const runtimeNamed = (name: string): Runtime | undefined => runtimes.get(name)
