import fc from 'fast-check'
import type { Form, Step } from './step.ts'

/** SQL text with one of several pieces in each gap. */
export function sql(strings: TemplateStringsArray, ...gaps: (readonly string[])[]): fc.Arbitrary<string> {
  return fc
    .tuple(...gaps.map((choices) => fc.constantFrom(...choices)))
    .map((chosen) => strings.reduce((text, string, i) => text + (chosen[i - 1] ?? '') + string))
}

/** Steps that are text alone. */
export function texts(kind: string, ...from: (string | fc.Arbitrary<string>)[]): fc.Arbitrary<Step> {
  const all = from.map((text) => (typeof text === 'string' ? fc.constant(text) : text))
  return fc.oneof(...all).map((text) => ({ kind, text, form: 'text', values: [] }))
}

/** Steps with values, in one of the forms. */
export function valued(
  kind: string,
  text: fc.Arbitrary<string>,
  values: readonly (readonly unknown[])[],
  forms: readonly Form[] = ['values', 'prepared'],
): fc.Arbitrary<Step> {
  return fc
    .tuple(text, fc.constantFrom(...values), fc.constantFrom(...forms))
    .map(([text, values, form]) => ({ kind, text, form, values }))
}

/** A call of the driver's own method, with one of several lists of arguments. */
export function method(name: string, lists: readonly (readonly unknown[])[] = [[]]): fc.Arbitrary<Step> {
  return fc.constantFrom(...lists).map((values) => ({ kind: `${name}()`, text: name, form: 'method', values }))
}

/** Several steps' texts in one. */
export function together(kind: string, step: fc.Arbitrary<Step>): fc.Arbitrary<Step> {
  return fc
    .array(
      step.filter(({ form }) => form === 'text'),
      { minLength: 2, maxLength: 3 },
    )
    .map((steps) => ({ kind, text: steps.map(({ text }) => text).join('; '), form: 'text', values: [] }))
}

/** Kinds of step, each with its weight. */
export type Mix = readonly (readonly [weight: number, step: fc.Arbitrary<Step>])[]

/** A mix in which some kinds are more frequent than the rest. */
export function emphasized(all: Mix, favoured: Mix, factor: number): fc.Arbitrary<Step> {
  const weights = all.map(([weight, arbitrary]) => ({
    weight: favoured.some(([, step]) => step === arbitrary) ? weight * factor : weight,
    arbitrary,
  }))
  return fc.oneof(...weights)
}
