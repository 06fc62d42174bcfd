/**
 * What the AWS door answers in place of a result: an HTTP status and the two fields of IAM's `<Error>`, in AWS's own
 * codes and words where AWS has them. The message is the wire text: it holds no secret and no echo of hostile input.
 * https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html
 */
export class AwsRefusal extends Error {
  override readonly name = "AwsRefusal";
  readonly status: number;
  /** `<Code>`: `SignatureDoesNotMatch`, `InvalidClientTokenId`, … */
  readonly code: string;

  constructor(status: number, code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
    this.code = code;
  }
}
