"""Verify, accounts.  Free mail: domains under which anybody has a mailbox; they say nothing of a company."""

BRANDS = ("hotmail", "yahoo", "gmx", "outlook", "ymail", "rocketmail", "yandex", "windowslive", "aol")
"""Names under any public suffix."""

NAMES = (
    "live.com live.co.uk live.de live.fr live.nl live.be live.it live.at live.se live.dk live.no live.ie live.ca "
    "live.cn live.jp live.in live.cl live.com.au live.com.mx live.com.ar live.com.pt gmail.com googlemail.com "
    "icloud.com me.com mac.com msn.com passport.com aim.com netscape.net proton.me protonmail.com protonmail.ch "
    "pm.me tutanota.com tutanota.de tutamail.com tuta.io tuta.com keemail.me fastmail.com fastmail.fm fastmail.net "
    "fastmail.org fastmail.us sent.com messagingengine.com hey.com zohomail.com zohomail.eu zoho.com hushmail.com "
    "hush.com hush.ai mailfence.com startmail.com runbox.com runbox.no posteo.de posteo.net posteo.eu posteo.org "
    "mailbox.org disroot.org riseup.net autistici.org kolabnow.com countermail.com skiff.com duck.com mozmail.com "
    "relay.firefox.com privaterelay.appleid.com simplelogin.com simplelogin.co aleeas.com anonaddy.com anonaddy.me "
    "addy.io mail.com email.com usa.com consultant.com post.com europe.com asia.com engineer.com writeme.com "
    "iname.com myself.com dr.com cheerful.com techie.com accountant.com contractor.net workmail.com inbox.com "
    "lycos.com excite.com mail2world.com care2.com juno.com netzero.net netzero.com earthlink.net mindspring.com "
    "comcast.net xfinity.com verizon.net att.net sbcglobal.net bellsouth.net pacbell.net ameritech.net swbell.net "
    "snet.net cox.net charter.net spectrum.net roadrunner.com rr.com twc.com optonline.net optimum.net frontier.com "
    "frontiernet.net windstream.net centurylink.net centurytel.net embarqmail.com q.com suddenlink.net cableone.net "
    "peoplepc.com prodigy.net rogers.com shaw.ca telus.net bell.net sympatico.ca videotron.ca cogeco.ca eastlink.ca "
    "mts.net sasktel.net web.de freenet.de t-online.de arcor.de online.de 1und1.de vodafone.de kabelmail.de mail.de "
    "email.de magenta.de unitybox.de ewetel.net ewe.net netcologne.de versanet.de osnanet.de mnet-online.de "
    "o2online.de aon.at chello.at a1.net inode.at bluewin.ch sunrise.ch hispeed.ch swissonline.ch orange.fr "
    "wanadoo.fr free.fr sfr.fr laposte.net neuf.fr bbox.fr numericable.fr club-internet.fr aliceadsl.fr cegetel.net "
    "noos.fr voila.fr caramail.com btinternet.com btopenworld.com virginmedia.com virgin.net ntlworld.com "
    "blueyonder.co.uk sky.com talktalk.net tiscali.co.uk plusnet.com plus.net o2.co.uk eircom.net libero.it "
    "virgilio.it alice.it tin.it tiscali.it inwind.it iol.it fastwebnet.it tim.it email.it poste.it telefonica.net "
    "terra.es ono.com movistar.es euskaltel.net sapo.pt netcabo.pt clix.pt mail.telepac.pt ziggo.nl kpnmail.nl "
    "kpnplanet.nl planet.nl hetnet.nl xs4all.nl home.nl chello.nl upcmail.nl casema.nl quicknet.nl telenet.be "
    "skynet.be proximus.be scarlet.be pandora.be voo.be telia.com comhem.se bredband.net spray.se online.no "
    "broadpark.no frisurf.no mail.dk jubii.dk stofanet.dk elisanet.fi kolumbus.fi luukku.com saunalahti.fi "
    "suomi24.fi wp.pl o2.pl onet.pl onet.eu op.pl interia.pl interia.eu gazeta.pl tlen.pl vp.pl poczta.fm "
    "poczta.onet.pl seznam.cz email.cz centrum.cz atlas.cz volny.cz post.cz azet.sk zoznam.sk centrum.sk post.sk "
    "freemail.hu citromail.hu t-online.hu abv.bg mail.bg dir.bg net.hr inet.hr siol.net otenet.gr in.gr mail.ru "
    "bk.ru list.ru inbox.ru internet.ru ya.ru rambler.ru lenta.ru ro.ru autorambler.ru myrambler.ru ukr.net i.ua "
    "meta.ua bigmir.net tut.by inbox.lv inbox.lt mail.ee qq.com vip.qq.com foxmail.com 163.com 126.com yeah.net "
    "139.com 189.cn wo.cn sina.com sina.cn sohu.com tom.com aliyun.com 21cn.com 263.net naver.com hanmail.net "
    "daum.net nate.com kakao.com docomo.ne.jp ezweb.ne.jp softbank.ne.jp i.softbank.jp nifty.com biglobe.ne.jp "
    "ocn.ne.jp so-net.ne.jp pchome.com.tw hinet.net seed.net.tw rediffmail.com rediff.com indiatimes.com sify.com "
    "bol.com.br uol.com.br terra.com.br ig.com.br globo.com globomail.com zipmail.com.br r7.com oi.com.br "
    "prodigy.net.mx fibertel.com.ar arnet.com.ar ciudad.com.ar speedy.com.ar une.net.co bigpond.com bigpond.net.au "
    "optusnet.com.au iinet.net.au tpg.com.au internode.on.net dodo.com.au westnet.com.au xtra.co.nz slingshot.co.nz "
    "mweb.co.za webmail.co.za telkomsa.net vodamail.co.za walla.com walla.co.il netvision.net.il 012.net.il "
    "bezeqint.net mynet.com superonline.com ttmail.com emirates.net.ae"
)
"""Registrable domains, or ones below a public suffix of their own."""

DOMAINS = frozenset(NAMES.split())


def is_free_mail(domain: str) -> bool:
    """Say whether a registrable domain is one of free mail."""
    return domain in DOMAINS or domain.partition(".")[0] in BRANDS
