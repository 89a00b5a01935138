import { styleText } from 'node:util'

/** Tells the story in plain lines, and counts the expectations that did not hold. */
export class Narrator {
  readonly #broken: string[] = []

  get broken(): readonly string[] {
    return this.#broken
  }

  title(text: string): void {
    console.log(`\n${styleText('bold', text)}`)
  }

  say(text: string): void {
    console.log(`  ${text}`)
  }

  /** One line of what was measured, with a mark for whether it is what the story promises. */
  show(text: string, holds: boolean, promise: string): void {
    const mark = holds ? styleText('green', '✓') : styleText('red', '✗')
    console.log(`  ${mark} ${text}`)
    if (holds) return
    this.#broken.push(promise)
    console.log(styleText('red', `    but the promise is: ${promise}`))
  }
}

/** Milliseconds as people say them. */
export function ms(value: number): string {
  return value < 10 ? `${value.toFixed(1)} ms` : `${Math.round(value)} ms`
}
