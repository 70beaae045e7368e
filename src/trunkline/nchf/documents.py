"""What network functions send, as far as charging looks at it (TS 32.291, clause 6.1.6).

What isn't named here is skipped; a member that is null counts as left out.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta, field

Uint32 = Annotated[int, Meta(ge=0, le=4_294_967_295)]
Uint64 = Annotated[int, Meta(ge=0)]
Text = Annotated[str, Meta(max_length=2000)]
DateTime = Annotated[datetime, Meta(tz=True)]
Items = Meta(max_length=100)


class PlmnId(msgspec.Struct, gc=False):
    mcc: Annotated[str, Meta(pattern="^[0-9]{3}$")]
    mnc: Annotated[str, Meta(pattern="^[0-9]{2,3}$")]


class NfIdentification(msgspec.Struct, gc=False):
    functionality: Annotated[str, Meta(max_length=100)] = field(name="nodeFunctionality")
    name: Text | None = field(name="nFName", default=None)
    ipv4: Text | None = field(name="nFIPv4Address", default=None)
    ipv6: Text | None = field(name="nFIPv6Address", default=None)
    fqdn: Text | None = field(name="nFFqdn", default=None)


class Trigger(msgspec.Struct, gc=False):
    type: Text | None = field(name="triggerType", default=None)


class RequestedUnit(msgspec.Struct, gc=False):
    time: Uint32 | None = None
    total: Uint64 | None = field(name="totalVolume", default=None)
    uplink: Uint64 | None = field(name="uplinkVolume", default=None)
    downlink: Uint64 | None = field(name="downlinkVolume", default=None)
    specific: Uint64 | None = field(name="serviceSpecificUnits", default=None)


class UsedUnit(msgspec.Struct, gc=False):
    sequence: int = field(name="localSequenceNumber")
    service_id: Uint32 | None = field(name="serviceId", default=None)
    triggers: Annotated[list[Trigger], Items] | None = None
    time: Uint32 | None = None
    total: Uint64 | None = field(name="totalVolume", default=None)
    uplink: Uint64 | None = field(name="uplinkVolume", default=None)
    downlink: Uint64 | None = field(name="downlinkVolume", default=None)
    specific: Uint64 | None = field(name="serviceSpecificUnits", default=None)


class UnitUsage(msgspec.Struct, gc=False):
    rating_group: Uint32 = field(name="ratingGroup")
    requested: RequestedUnit | None = field(name="requestedUnit", default=None)
    used: Annotated[list[UsedUnit], Meta(max_length=1000)] | None = field(
        name="usedUnitContainer", default=None
    )
    upf: Text | None = field(name="uPFID", default=None)


class Snssai(msgspec.Struct, gc=False):
    sst: Annotated[int, Meta(ge=0, le=255)]
    sd: Annotated[str, Meta(pattern="^[A-Fa-f0-9]{6}$")] | None = None


class Slicing(msgspec.Struct, gc=False):
    snssai: Snssai = field(name="sNSSAI")


class Qos(msgspec.Struct, gc=False):
    five_qi: Annotated[int, Meta(ge=0, le=255)] | None = field(name="5qi", default=None)


class PduSession(msgspec.Struct, gc=False):
    dnn: Annotated[str, Meta(max_length=255)] = field(name="dnnId")
    id: Annotated[int, Meta(ge=0, le=255)] = field(name="pduSessionID")
    slicing: Slicing | None = field(name="networkSlicingInfo", default=None)
    authorized: Qos | None = field(name="authorizedQoSInformation", default=None)
    subscribed: Qos | None = field(name="subscribedQoSInformation", default=None)
    serving: PlmnId | None = field(name="servingCNPlmnId", default=None)
    started: DateTime | None = field(name="startTime", default=None)


class Area(msgspec.Struct, gc=False):
    """A tracking, location, service or routing area, or a cell."""

    plmn: PlmnId | None = field(name="plmnId", default=None)


class CellLocation(msgspec.Struct, gc=False):
    tai: Area | None = None


class NonCellularLocation(msgspec.Struct, gc=False):
    tai: Area | None = field(name="n3gppTai", default=None)


class OlderLocation(msgspec.Struct, gc=False):
    cgi: Area | None = None
    sai: Area | None = None
    lai: Area | None = None
    rai: Area | None = None


class UserLocation(msgspec.Struct, gc=False):
    nr: CellLocation | None = field(name="nrLocation", default=None)
    eutra: CellLocation | None = field(name="eutraLocation", default=None)
    n3ga: NonCellularLocation | None = field(name="n3gaLocation", default=None)
    utra: OlderLocation | None = field(name="utraLocation", default=None)
    gera: OlderLocation | None = field(name="geraLocation", default=None)


class UserInformation(msgspec.Struct, gc=False):
    gpsi: Text | None = field(name="servedGPSI", default=None)
    claimed: bool | None = field(name="unauthenticatedFlag", default=None)


class PduSessionCharging(msgspec.Struct, gc=False):
    charging_id: Uint32 | None = field(name="chargingId", default=None)
    smf_charging_id: Text | None = field(name="sMFchargingId", default=None)
    user: UserInformation | None = field(name="userInformation", default=None)
    location: UserLocation | None = field(name="userLocationinfo", default=None)
    session: PduSession | None = field(name="pduSessionInformation", default=None)


class SmAddress(msgspec.Struct, gc=False):
    type: Text | None = field(name="sMaddressType", default=None)
    data: Text | None = field(name="sMaddressData", default=None)


class Originator(msgspec.Struct, gc=False):
    supi: Text | None = field(name="originatorSUPI", default=None)
    gpsi: Text | None = field(name="originatorGPSI", default=None)


class Recipient(msgspec.Struct, gc=False):
    gpsi: Text | None = field(name="recipientGPSI", default=None)
    other: SmAddress | None = field(name="recipientOtherAddress", default=None)
    received: SmAddress | None = field(name="recipientReceivedAddress", default=None)
    supi: Text | None = field(name="recipientSUPI", default=None)


class SmsCharging(msgspec.Struct, gc=False):
    originator: Originator | None = field(name="originatorInfo", default=None)
    recipients: Annotated[list[Recipient], Items] | None = field(name="recipientInfo", default=None)
    location: UserLocation | None = field(name="userLocationinfo", default=None)
    sent: Uint32 | None = field(name="numberofMessagesSent", default=None)
    message: Text | None = field(name="messageReference", default=None)
    type: Text | None = field(name="sMMessageType", default=None)


class ImsCharging(msgspec.Struct, gc=False):
    role: Text | None = field(name="roleOfNode", default=None)
    called: Text | None = field(name="calledPartyAddress", default=None)
    user: UserInformation | None = field(name="userInformation", default=None)
    location: UserLocation | None = field(name="userLocationInfo", default=None)
    charging_id: Text | None = field(name="imsChargingIdentifier", default=None)
    session: Text | None = field(name="userSessionID", default=None)
    access: Annotated[list[Text], Items] | None = field(
        name="accessNetworkInformation", default=None
    )


class NefCharging(msgspec.Struct, gc=False):
    api: Text = field(name="aPIName")
    individual: Text | None = field(name="externalIndividualIdentifier", default=None)


class Told(msgspec.Struct, gc=False):
    """That it is there tells what the request is about."""


class ChargingData(msgspec.Struct, gc=False):
    """A ChargingDataRequest."""

    consumer: NfIdentification = field(name="nfConsumerIdentification")
    stamp: DateTime = field(name="invocationTimeStamp")
    sequence: Uint32 = field(name="invocationSequenceNumber")
    subscriber: Text | None = field(name="subscriberIdentifier", default=None)
    charging_id: Uint32 | None = field(name="chargingId", default=None)
    one_time: bool | None = field(name="oneTimeEvent", default=None)
    event_type: Text | None = field(name="oneTimeEventType", default=None)
    notify: Text | None = field(name="notifyUri", default=None)
    again: bool | None = field(name="retransmissionIndicator", default=None)
    usage: Annotated[list[UnitUsage], Items] | None = field(name="multipleUnitUsage", default=None)
    triggers: Annotated[list[Trigger], Items] | None = None
    pdu: PduSessionCharging | None = field(name="pDUSessionChargingInformation", default=None)
    sms: SmsCharging | None = field(name="sMSChargingInformation", default=None)
    ims: ImsCharging | None = field(name="iMSChargingInformation", default=None)
    mmtel: Told | None = field(name="mMTelChargingInformation", default=None)
    nef: NefCharging | None = field(name="nEFChargingInformation", default=None)
    specification: Text | None = field(name="serviceSpecificationInfo", default=None)
    registration: Told | None = field(name="registrationChargingInformation", default=None)
    n2_connection: Told | None = field(name="n2ConnectionChargingInformation", default=None)
    location_report: Told | None = field(name="locationReportingChargingInformation", default=None)
    nspa: Told | None = field(name="nSPAChargingInformation", default=None)
    nsm: Told | None = field(name="nSMChargingInformation", default=None)
    edge_use: Told | None = field(name="edgeInfrastructureUsageChargingInformation", default=None)
    eas_deployment: Told | None = field(name="eASDeploymentChargingInformation", default=None)
    direct_edge: Told | None = field(
        name="directEdgeEnablingServiceChargingInformation", default=None
    )
    exposed_edge: Told | None = field(
        name="exposedEdgeEnablingServiceChargingInformation", default=None
    )
    prose: Told | None = field(name="proSeChargingInformation", default=None)


INFORMATION: Mapping[str, str] = {
    each.encode_name: each.name
    for each in msgspec.structs.fields(ChargingData)
    if each.encode_name.endswith("ChargingInformation")
}
"""Attributes of a request, by the names of the kinds of charging information."""
