/** Why a bundle, or data, is not put in force. Stable: records, metrics and `/readyz` name them. */
export type BundleRefusalCode =
  | "bundle-unreadable"
  | "bundle-unsigned"
  | "bundle-signature"
  | "bundle-undated"
  | "bundle-older"
  | "bundle-postdated"
  | "bundle-quarantined"
  | "bundle-not-working"
  | "data-unfit";

/**
 * A bundle, or the site's data, that is not put in force. What is in force stays so. The message is for operators and
 * echoes nothing of a bundle that was not verified.
 */
export class BundleRefusal extends Error {
  override readonly name = "BundleRefusal";
  readonly code: BundleRefusalCode;
  /** Whether the same may be found good later: what stands in its way may be the machine, and not what it holds. */
  readonly mayPass: boolean;

  constructor(code: BundleRefusalCode, message: string, options: ErrorOptions & { readonly mayPass?: boolean } = {}) {
    super(message, options);
    this.code = code;
    this.mayPass = options.mayPass ?? false;
  }
}
