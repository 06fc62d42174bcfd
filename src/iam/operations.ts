import {
  type IAMClient,
  ListAccessKeysCommand,
  ListServiceSpecificCredentialsCommand,
  ListSigningCertificatesCommand,
  ListSSHPublicKeysCommand,
  UpdateAccessKeyCommand,
  UpdateServiceSpecificCredentialCommand,
  UpdateSigningCertificateCommand,
  UpdateSSHPublicKeyCommand,
} from "@aws-sdk/client-iam";
import type { Credential, CredentialType, Status } from "../changes/credential.ts";

/** One page of a list as the SDK gives it, every part of which may be missing. */
interface Page {
  readonly rows: readonly Row[] | undefined;
  readonly isTruncated: boolean | undefined;
  readonly marker: string | undefined;
}

export interface Row {
  readonly id: string | undefined;
  readonly userName: string | undefined;
  readonly status: string | undefined;
  readonly createdAt: Date | undefined;
  readonly service?: string | undefined;
}

/** Who and where in the list; the user is always named. */
interface PageRequest {
  readonly UserName: string;
  readonly MaxItems: number;
  readonly Marker?: string;
}

interface Operations {
  readonly update: (client: IAMClient, credential: Credential, Status: Status) => Promise<unknown>;
  readonly list: (client: IAMClient, request: PageRequest) => Promise<Page>;
}

/** The SDK's names for what the four credential types have in common. */
export const operations: Readonly<Record<CredentialType, Operations>> = {
  "signing-certificate": {
    update: (client, { userName: UserName, id: CertificateId }, Status) =>
      client.send(new UpdateSigningCertificateCommand({ UserName, CertificateId, Status })),
    list: async (client, request) => {
      const {
        Certificates: list,
        IsTruncated,
        Marker,
      } = await client.send(new ListSigningCertificatesCommand(request));
      return {
        rows: list?.map((row) => ({
          id: row.CertificateId,
          userName: row.UserName,
          status: row.Status,
          createdAt: row.UploadDate,
        })),
        isTruncated: IsTruncated,
        marker: Marker,
      };
    },
  },
  "service-specific-credential": {
    update: (client, { userName: UserName, id: ServiceSpecificCredentialId }, Status) =>
      client.send(new UpdateServiceSpecificCredentialCommand({ UserName, ServiceSpecificCredentialId, Status })),
    list: async (client, request) => {
      const output = await client.send(new ListServiceSpecificCredentialsCommand(request));
      return {
        rows: output.ServiceSpecificCredentials?.map((row) => ({
          id: row.ServiceSpecificCredentialId,
          userName: row.UserName,
          status: row.Status,
          createdAt: row.CreateDate,
          service: row.ServiceName,
        })),
        isTruncated: output.IsTruncated,
        marker: output.Marker,
      };
    },
  },
  "access-key": {
    update: (client, { userName: UserName, id: AccessKeyId }, Status) =>
      client.send(new UpdateAccessKeyCommand({ UserName, AccessKeyId, Status })),
    list: async (client, request) => {
      const { AccessKeyMetadata: list, IsTruncated, Marker } = await client.send(new ListAccessKeysCommand(request));
      return {
        rows: list?.map((row) => ({
          id: row.AccessKeyId,
          userName: row.UserName,
          status: row.Status,
          createdAt: row.CreateDate,
        })),
        isTruncated: IsTruncated,
        marker: Marker,
      };
    },
  },
  "ssh-public-key": {
    update: (client, { userName: UserName, id: SSHPublicKeyId }, Status) =>
      client.send(new UpdateSSHPublicKeyCommand({ UserName, SSHPublicKeyId, Status })),
    list: async (client, request) => {
      const { SSHPublicKeys: list, IsTruncated, Marker } = await client.send(new ListSSHPublicKeysCommand(request));
      return {
        rows: list?.map((row) => ({
          id: row.SSHPublicKeyId,
          userName: row.UserName,
          status: row.Status,
          createdAt: row.UploadDate,
        })),
        isTruncated: IsTruncated,
        marker: Marker,
      };
    },
  },
};
