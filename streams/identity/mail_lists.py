"""Identity.  Lists for mail: providers of free and of disposable mailboxes, and mailboxes of offices.

Our own tables of facts.  All in lower case; domains are registrable ones, or below a public suffix of their own.
"""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


FREE_MAIL_BRANDS = _words("hotmail yahoo gmx outlook ymail rocketmail yandex windowslive aol")
"""Names under many top-level domains: `yahoo.co.uk`, `gmx.at`, `hotmail.fr`."""

FREE_MAIL = _words("""
    live.com live.co.uk live.de live.fr live.nl live.be live.it live.at live.se live.dk live.no live.ie live.ca live.cn
    live.jp live.in live.cl live.com.au live.com.mx live.com.ar live.com.pt
    gmail.com googlemail.com icloud.com me.com mac.com msn.com passport.com aim.com netscape.net
    proton.me protonmail.com protonmail.ch pm.me tutanota.com tutanota.de tutamail.com tuta.io tuta.com keemail.me
    fastmail.com fastmail.fm fastmail.net fastmail.org fastmail.us sent.com messagingengine.com hey.com
    zohomail.com zohomail.eu zoho.com hushmail.com hush.com hush.ai mailfence.com startmail.com
    runbox.com runbox.no posteo.de posteo.net posteo.eu posteo.org mailbox.org disroot.org riseup.net autistici.org
    kolabnow.com countermail.com skiff.com duck.com mozmail.com relay.firefox.com privaterelay.appleid.com
    simplelogin.com simplelogin.co aleeas.com anonaddy.com anonaddy.me addy.io
    mail.com email.com usa.com consultant.com post.com europe.com asia.com engineer.com writeme.com iname.com
    myself.com dr.com cheerful.com techie.com accountant.com contractor.net workmail.com inbox.com lycos.com excite.com
    mail2world.com care2.com juno.com netzero.net netzero.com earthlink.net mindspring.com comcast.net xfinity.com
    verizon.net att.net sbcglobal.net bellsouth.net pacbell.net ameritech.net swbell.net snet.net cox.net charter.net
    spectrum.net roadrunner.com rr.com twc.com optonline.net optimum.net frontier.com frontiernet.net windstream.net
    centurylink.net centurytel.net embarqmail.com q.com suddenlink.net cableone.net peoplepc.com prodigy.net
    rogers.com shaw.ca telus.net bell.net sympatico.ca videotron.ca cogeco.ca eastlink.ca mts.net sasktel.net
    web.de freenet.de t-online.de arcor.de online.de 1und1.de vodafone.de kabelmail.de mail.de email.de
    magenta.de unitybox.de ewetel.net ewe.net netcologne.de versanet.de osnanet.de mnet-online.de o2online.de
    aon.at chello.at a1.net inode.at bluewin.ch sunrise.ch hispeed.ch swissonline.ch
    orange.fr wanadoo.fr free.fr sfr.fr laposte.net neuf.fr bbox.fr numericable.fr club-internet.fr aliceadsl.fr
    cegetel.net noos.fr voila.fr caramail.com
    btinternet.com btopenworld.com virginmedia.com virgin.net ntlworld.com blueyonder.co.uk sky.com talktalk.net
    tiscali.co.uk plusnet.com plus.net o2.co.uk eircom.net
    libero.it virgilio.it alice.it tin.it tiscali.it inwind.it iol.it fastwebnet.it tim.it email.it poste.it
    telefonica.net terra.es ono.com movistar.es euskaltel.net sapo.pt netcabo.pt clix.pt mail.telepac.pt
    ziggo.nl kpnmail.nl kpnplanet.nl planet.nl hetnet.nl xs4all.nl home.nl chello.nl upcmail.nl casema.nl quicknet.nl
    telenet.be skynet.be proximus.be scarlet.be pandora.be voo.be
    telia.com comhem.se bredband.net spray.se online.no broadpark.no frisurf.no mail.dk jubii.dk stofanet.dk
    elisanet.fi kolumbus.fi luukku.com saunalahti.fi suomi24.fi
    wp.pl o2.pl onet.pl onet.eu op.pl interia.pl interia.eu gazeta.pl tlen.pl vp.pl poczta.fm poczta.onet.pl
    seznam.cz email.cz centrum.cz atlas.cz volny.cz post.cz azet.sk zoznam.sk centrum.sk post.sk
    freemail.hu citromail.hu t-online.hu abv.bg mail.bg dir.bg net.hr inet.hr siol.net otenet.gr in.gr
    mail.ru bk.ru list.ru inbox.ru internet.ru ya.ru rambler.ru lenta.ru ro.ru autorambler.ru myrambler.ru
    ukr.net i.ua meta.ua bigmir.net tut.by inbox.lv inbox.lt mail.ee
    qq.com vip.qq.com foxmail.com 163.com 126.com yeah.net 139.com 189.cn wo.cn sina.com sina.cn sohu.com tom.com
    aliyun.com 21cn.com 263.net naver.com hanmail.net daum.net nate.com kakao.com
    docomo.ne.jp ezweb.ne.jp softbank.ne.jp i.softbank.jp nifty.com biglobe.ne.jp ocn.ne.jp so-net.ne.jp
    pchome.com.tw hinet.net seed.net.tw rediffmail.com rediff.com indiatimes.com sify.com
    bol.com.br uol.com.br terra.com.br ig.com.br globo.com globomail.com zipmail.com.br r7.com oi.com.br
    prodigy.net.mx fibertel.com.ar arnet.com.ar ciudad.com.ar speedy.com.ar une.net.co
    bigpond.com bigpond.net.au optusnet.com.au iinet.net.au tpg.com.au internode.on.net dodo.com.au westnet.com.au
    xtra.co.nz slingshot.co.nz mweb.co.za webmail.co.za telkomsa.net vodamail.co.za
    walla.com walla.co.il netvision.net.il 012.net.il bezeqint.net mynet.com superonline.com ttmail.com emirates.net.ae
""")
"""Domains under which anybody can have a mailbox: providers, and internet access at home."""

DISPOSABLE = _words("""
    mailinator.com mailinator.net mailinator2.com guerrillamail.com guerrillamail.net guerrillamail.org
    guerrillamail.biz guerrillamail.de guerrillamailblock.com grr.la sharklasers.com pokemail.net spam4.me
    10minutemail.com 10minutemail.net 10minutemail.co.uk 20minutemail.com tempmail.com temp-mail.org temp-mail.io
    tempmail.net tempmail.dev tempmailo.com tempr.email tempail.com tempinbox.com throwawaymail.com throwaway.email
    trashmail.com trashmail.de trashmail.net trashmail.me trash-mail.com trash-mail.de wegwerfmail.de wegwerfemail.de
    wegwerfadresse.de yopmail.com yopmail.fr yopmail.net cool.fr.nf jetable.org jetable.com nospam.ze.tc
    dispostable.com disposablemail.com discard.email discardmail.com mailnesia.com mailcatch.com maildrop.cc
    mailnull.com mailexpire.com mailmoat.com mintemail.com mohmal.com moakt.com moakt.cc getnada.com nada.email
    inboxkitten.com inboxbear.com fakeinbox.com fakemail.net fakemailgenerator.com emailondeck.com emailfake.com
    generator.email getairmail.com burnermail.io spamgourmet.com spamex.com spambog.com spambox.us spamfree24.org
    mytemp.email mytrashmail.com mailtemp.net minuteinbox.com muellmail.com sofort-mail.de einrot.com cuvox.de
    dayrep.com armyspy.com fleckens.hu gustr.com jourrapide.com rhyta.com superrito.com teleworm.us anonbox.net
    incognitomail.org deadaddress.com mailforspam.com tempomail.fr crazymailing.com harakirimail.com
""")
"""Domains of mailboxes that anybody can read, or that last for minutes."""

ROLE_MAILBOXES = _words("""
    team teams support supports help helpdesk helpcenter servicedesk service services customerservice customercare
    customersupport customersuccess care info infos information informations sales presales salesteam admin admins
    administrator administration billing invoice invoices invoicing payments payment accounting accounts account
    accountspayable accountsreceivable ap ar finance financial treasury tax payroll purchasing procurement orders order
    hello hi hey hola welcome contact contacts contactus contact-us mail email mailbox post inbox office offices
    frontdesk reception no-reply noreply no_reply donotreply do-not-reply nobody null postmaster hostmaster webmaster
    mailer-daemon mailerdaemon root abuse spam noc sysadmin it itsupport it-support devops ops operations dev devs
    developer developers engineering security privacy gdpr dpo legal compliance copyright dmca
    hr humanresources people jobs job careers career recruiting recruitment hiring talent
    marketing press media pr news newsletter newsletters communications events event social community partners partner
    partnerships affiliates affiliate investors investor ir feedback survey enquiries enquiry inquiries inquiry
    questions request requests notifications notification alerts alert monitoring bounce bounces unsubscribe
    subscribe list everyone all staff board management ceo-office shop store webshop returns shipping warehouse
    logistics api test testing tester demo qa user users guest system services-team reservations booking bookings
    kontakt buero büro zentrale empfang verwaltung buchhaltung rechnung rechnungen bestellung bestellungen einkauf
    vertrieb verkauf kundenservice kundendienst kundenbetreuung hilfe personal bewerbung bewerbungen karriere presse
    datenschutz impressum geschaeftsleitung geschaeftsfuehrung sekretariat anfrage anfragen versand technik werkstatt
    accueil bureau facturation comptabilite compta commande commandes achats vente ventes commercial service-client
    serviceclient clients aide assistance recrutement emploi emplois rh secretariat direction presse-media
    confidentialite juridique informatique
    contacto informacion oficina ventas compras facturacion contabilidad pedidos soporte ayuda atencion
    atencionalcliente clientes empleo rrhh recursoshumanos prensa administracion direccion privacidad reservas
    contato vendas suporte ajuda financeiro faturamento contabilidade atendimento imprensa comercial
""")
"""Local parts that an office has, in English, German, French, Spanish and Portuguese."""
