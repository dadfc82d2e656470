//! Recog's parameters as our facts.
//!
//! Recog says `hw.*`, `os.*`, `service.*` and `host.*`; an `os.product` may be an operating system, a device or its
//! firmware. What cannot be told apart is left out: a wrong fact is worse than none.

use std::collections::BTreeMap;

use super::template::Template;

/// Certainty of what Recog is sure of, by a database that is preferred: less than of our own entries,
/// more than of those that merely repeat what was said.
const SURE: f32 = 64.0;
/// How certain an entry is that does not say it.
const USUAL: f32 = 0.85;
/// What a database that is not preferred at all loses.
const NOT_PREFERRED: f32 = 4.0;
/// Preference of a database that does not say it.
const USUAL_PREFERENCE: f32 = 0.1;

/// Facts of one certainty: attribute name → text with `$captures`.
pub(super) type Grade = (u8, BTreeMap<String, String>);

/// Makers of systems that run on anybody's hardware: not the device's vendor.
#[rustfmt::skip]
const SOFTWARE_HOUSES: [&str; 48] = [
    "accelerated technology", "allegro software", "almalinux", "alpine", "amazon", "arch linux", "blackberry",
    "canonical", "centos", "citrix", "cumulus", "debian", "dragonfly", "express logic", "fedora", "fedora project",
    "freebsd", "gentoo", "google", "green hills software", "ixsystems", "kali", "linux", "mandrake", "mandriva",
    "microsoft", "minix", "montavista", "netbsd", "nixos", "novell", "openbsd", "opensuse", "openwall", "openwrt",
    "oracle", "pfsense", "proxmox", "qnx", "raspbian", "red hat", "rocky", "sco", "slackware", "suse", "ubuntu",
    "vmware", "wind river",
];

/// Families of systems that run on anybody's hardware.
#[rustfmt::skip]
const GENERAL_FAMILIES: [&str; 10] = [
    "windows", "linux", "unix", "bsd", "freebsd", "openbsd", "netbsd", "solaris", "netware", "vxworks",
];

/// Systems of devices, as Recog names them, and as we do. Any other product of a device's system is taken for the device.
#[rustfmt::skip]
const DEVICE_SYSTEMS: [(&str, &str); 35] = [
    ("ios xe", "Cisco IOS XE"), ("ios-xe", "Cisco IOS XE"), ("ios xr", "Cisco IOS XR"), ("ios-xr", "Cisco IOS XR"),
    ("nx-os", "Cisco NX-OS"), ("catos", "Cisco CatOS"), ("pix os", "Cisco PIX"), ("asa", "Cisco ASA"),
    ("adaptive security appliance software", "Cisco ASA"), ("junos", "Junos"), ("junos os", "Junos"),
    ("screenos", "ScreenOS"), ("routeros", "MikroTik RouterOS"), ("swos", "MikroTik SwOS"), ("fortios", "FortiOS"),
    ("pan-os", "PAN-OS"), ("extremeware", "ExtremeWare"), ("extremexos", "ExtremeXOS"), ("exos", "ExtremeXOS"),
    ("eos", "Arista EOS"), ("comware", "Comware"), ("vrp", "Huawei VRP"), ("arubaos", "ArubaOS"),
    ("arubaos-cx", "ArubaOS-CX"), ("sonicos", "SonicOS"), ("fireware", "Fireware"), ("ironware", "IronWare"),
    ("fabric os", "Fabric OS"), ("data ontap", "Data ONTAP"), ("ontap", "ONTAP"), ("aos", "AOS"), ("dsm", "DSM"),
    ("qts", "QTS"), ("airos", "airOS"), ("vyos", "VyOS"),
];

/// Systems of computers whose maker makes the computers too: the version is the system's, not a firmware's.
#[rustfmt::skip]
const COMPUTER_SYSTEMS: [&str; 20] = [
    "aix", "digital unix", "domain/os", "hp-ux", "i5/os", "irix", "mac os", "mac os x", "macos", "mpe/ix", "nonstop kernel",
    "openvms", "os/390", "os/400", "solaris", "sunos", "tru64 unix", "ultrix", "z/os", "z/vm",
];

/// Systems that run on routers, switches and more: the device that Recog names for them is a guess.
#[rustfmt::skip]
const OF_MANY_KINDS: [&str; 9] = [
    "Cisco IOS", "Cisco IOS XE", "Cisco IOS XR", "Junos", "Comware", "Huawei VRP", "ArubaOS", "AOS", "MikroTik RouterOS",
];

/// Systems that Recog names by a word that says too little without its maker.
const NEEDS_MAKER: [&str; 3] = ["linux", "enterprise linux", "unix"];

/// Words for devices, in lower case, and our kinds. What is missing is no kind of ours or more than one.
#[rustfmt::skip]
const DEVICES: [(&str, &str); 80] = [
    ("printer", "printer"), ("multifunction device", "printer"), ("multifunction printer", "printer"),
    ("copier", "printer"), ("mfp", "printer"), ("plotter", "printer"), ("label printer", "printer"),
    ("network scanner", "scanner"), ("scanner", "scanner"), ("document scanner", "scanner"), ("switch", "switch"),
    ("network switch", "switch"), ("ethernet switch", "switch"), ("router", "router"), ("broadband router", "router"),
    ("adsl router", "router"), ("dsl router", "router"), ("cellular router", "router"), ("wireless router", "router"),
    ("wifi router", "router"), ("gateway router", "router"), ("firewall", "firewall"), ("utm", "firewall"),
    ("wap", "access-point"), ("access point", "access-point"), ("wireless access point", "access-point"),
    ("wireless controller", "wireless-controller"), ("wlan controller", "wireless-controller"),
    ("load balancer", "load-balancer"), ("vpn", "vpn-gateway"), ("vpn gateway", "vpn-gateway"),
    ("cable modem", "modem"), ("dsl modem", "modem"), ("adsl modem", "modem"), ("modem", "modem"),
    ("cellular modem", "modem"), ("atm dsl unit", "modem"), ("broadband modem", "modem"), ("nas", "nas"),
    ("network attached storage", "nas"), ("san", "san"), ("fibre channel switch", "san"), ("ups", "ups"),
    ("pdu", "pdu"), ("power distribution unit", "pdu"), ("lights out management", "bmc"), ("bmc", "bmc"),
    ("ipmi", "bmc"), ("management processor", "bmc"), ("onboard administrator", "bmc"), ("remote management", "bmc"),
    ("ip camera", "camera"), ("web cam", "camera"), ("webcam", "camera"), ("network camera", "camera"),
    ("camera", "camera"), ("dvr", "video-recorder"), ("nvr", "video-recorder"), ("video recorder", "video-recorder"),
    ("ip phone", "voip-phone"), ("voip phone", "voip-phone"), ("sip phone", "voip-phone"), ("pbx", "pbx"),
    ("ip pbx", "pbx"), ("voip pbx", "pbx"), ("plc", "plc"), ("rtu", "rtu"), ("hmi", "hmi"), ("hmi controller", "hmi"),
    ("hypervisor", "hypervisor"), ("laptop", "laptop"), ("desktop", "workstation"), ("thin client", "thin-client"),
    ("smart tv", "tv"), ("tv", "tv"), ("set top box", "media-player"), ("media player", "media-player"),
    ("game console", "game-console"), ("tablet", "tablet"), ("mobile phone", "phone"),
];

/// What an entry's parameters state, the most certain first.
pub(super) fn facts(
    params: &BTreeMap<String, Template>,
    certainty: Option<f32>,
    preference: Option<f32>,
    vendor: &dyn Fn(&str) -> String,
) -> Vec<Grade> {
    let said = Said { params };
    let lost = (1.0 - preference.unwrap_or(USUAL_PREFERENCE).clamp(0.0, 1.0)) * NOT_PREFERRED;
    let grade = |part: &str| {
        let own = said.fixed(&format!("{part}.certainty"));
        let own = own.and_then(|text| text.parse::<f32>().ok());
        let sure = own.or(certainty).unwrap_or(USUAL).clamp(0.0, 1.0) / USUAL;
        whole(SURE * sure.min(1.0) - lost)
    };
    let (hardware, system, service) = (grade("hw"), grade("os"), grade("service"));
    let mut grades: BTreeMap<u8, BTreeMap<String, String>> = BTreeMap::new();
    let mut state = |certainty: u8, attribute: &str, value: Option<String>| {
        if let Some(value) = value.filter(|value| certainty > 0 && !value.is_empty()) {
            let facts = grades.entry(certainty).or_default();
            facts.insert(attribute.to_owned(), value);
        }
    };
    let from = if said.has("hw.") { hardware } else { system };
    let general = said.is_general_system();
    let maker = said
        .text("hw.vendor")
        .or_else(|| said.text("os.vendor").filter(|_| !general));
    state(from, "vendor", maker.map(|name| vendor(&name)));
    state(from, "model", said.model(general));
    state(from, "kind", said.kind());
    let version = said.text("os.version");
    // Some entries give the software's version twice.
    let own = said
        .text("hw.version")
        .filter(|own| Some(own) != version.as_ref());
    state(hardware, "hardware", own);
    state(hardware, "serial", said.text("hw.serial_number"));
    let os = if general {
        said.general_system()
    } else {
        said.device_system()
    };
    state(
        system,
        "os_version",
        version.clone().filter(|_| os.is_some()),
    );
    state(system, "os", os);
    state(
        system,
        "firmware",
        version.filter(|_| !general && !said.is_computer()),
    );
    state(
        hardware.max(system).max(service),
        "hostname",
        said.text("host.name"),
    );
    state(
        hardware.max(system).max(service),
        "domain",
        said.text("host.domain"),
    );
    let product = said.text("service.product");
    let served = said.text("service.version").filter(|_| product.is_some());
    let both = product.as_ref().zip(served.as_ref());
    let named = both.map(|(product, version)| format!("{product} {version}"));
    state(service, "product", named.or_else(|| product.clone()));
    state(service, "service.product", product);
    state(service, "service.version", served);
    grades.into_iter().rev().collect()
}

struct Said<'p> {
    params: &'p BTreeMap<String, Template>,
}

impl Said<'_> {
    fn has(&self, prefix: &str) -> bool {
        let mut names = self.params.keys();
        names.any(|name| name.starts_with(prefix) && !name.ends_with(".certainty"))
    }

    /// As a template of ours.
    fn text(&self, name: &str) -> Option<String> {
        self.params.get(name).map(Template::to_ours)
    }

    /// If it is the same whatever was captured.
    fn fixed(&self, name: &str) -> Option<String> {
        self.params.get(name).and_then(Template::fixed)
    }

    fn lower(&self, name: &str) -> Option<String> {
        self.fixed(name).map(|text| text.to_lowercase())
    }

    /// Whether the system says nothing about whose the hardware is.
    fn is_general_system(&self) -> bool {
        let device = self.lower("os.device");
        if device.as_deref() == Some("general") {
            return true;
        }
        let vendor = self.lower("os.vendor");
        let family = self.lower("os.family");
        let named_device = vendor.is_none() && device.is_some();
        let house = vendor
            .as_deref()
            .is_none_or(|name| SOFTWARE_HOUSES.contains(&name));
        let runs_anywhere = family.is_some_and(|name| GENERAL_FAMILIES.contains(&name.as_str()));
        house && !named_device || runs_anywhere && device.is_none() && !self.has("hw.")
    }

    fn is_computer(&self) -> bool {
        let product = self.lower("os.product").or_else(|| self.lower("os.family"));
        product.is_some_and(|product| COMPUTER_SYSTEMS.contains(&product.as_str()))
    }

    fn model(&self, general: bool) -> Option<String> {
        let named = self.text("hw.product").or_else(|| self.text("hw.model"));
        if named.is_some() || general {
            return named;
        }
        let device = self.lower("os.device").or_else(|| self.lower("hw.device"));
        device.and_then(|_| self.text("os.product").filter(|_| self.names_device()))
    }

    /// Whether the system's name is that of the device.
    fn names_device(&self) -> bool {
        let product = self.lower("os.product").unwrap_or_default();
        let known = DEVICE_SYSTEMS.iter().any(|(name, _)| *name == product);
        let words = [
            "firmware",
            "software",
            "linux",
            "unix",
            "windows",
            "operating system",
        ];
        let tells = product.ends_with("os") || words.iter().any(|word| product.contains(word));
        let kind_only = self
            .lower("os.device")
            .is_some_and(|device| device == product);
        !known && !tells && !kind_only && !self.is_computer()
    }

    fn kind(&self) -> Option<String> {
        let system = self.device_system();
        let many = system.is_some_and(|name| OF_MANY_KINDS.contains(&name.as_str()));
        let by_system = || self.lower("os.device").filter(|_| !many);
        let word = self.lower("hw.device").or_else(by_system)?;
        let found = DEVICES.iter().find(|(device, _)| *device == word);
        found.map(|(_, kind)| (*kind).to_owned())
    }

    fn general_system(&self) -> Option<String> {
        let vendor = self.fixed("os.vendor").unwrap_or_default();
        let Some(product) = self.text("os.product") else {
            let family = self.fixed("os.family")?;
            let known = GENERAL_FAMILIES.contains(&family.to_lowercase().as_str());
            return known.then_some(family);
        };
        let lower = product.to_lowercase();
        let first = vendor.to_lowercase();
        let first = first.split(' ').next().unwrap_or_default();
        let needs = NEEDS_MAKER.contains(&lower.as_str()) && !lower.contains(first);
        Some(if needs {
            format!("{vendor} {product}")
        } else {
            product
        })
    }

    fn device_system(&self) -> Option<String> {
        let product = self.lower("os.product")?;
        if self.is_computer() {
            return self.text("os.product");
        }
        if product == "ios" {
            let apple = self.lower("os.vendor").as_deref() == Some("apple");
            return Some(if apple { "iOS" } else { "Cisco IOS" }.to_owned());
        }
        let known = DEVICE_SYSTEMS.iter().find(|(name, _)| *name == product);
        known.map(|(_, name)| (*name).to_owned())
    }
}

/// A certainty in whole numbers.
fn whole(certainty: f32) -> u8 {
    // Numbers of 0 to 100 are exact in either type.
    (0..=100_u8)
        .rev()
        .find(|step| f32::from(*step) <= certainty)
        .unwrap_or_default()
}
